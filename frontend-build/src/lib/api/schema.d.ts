// SPDX-License-Identifier: Apache-2.0
// Made from schema/openapi.yaml by `npm run types`. Do not edit.

export interface paths {
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether this process serves */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same as /api/health */
        get: operations["getLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/live/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same as /api/health */
        get: operations["getLiveSlash"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether what this process needs is there, from the last probe */
        get: operations["getReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same as /ready */
        get: operations["getReadySlash"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same as /ready */
        get: operations["getHealthReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sign in by a one-time start link (local mode only)
         * @description Uses the link up, sets the session cookie and leads to the page. `HEAD` and prefetches use nothing up.
         *     In other modes it is 404.
         */
        get: operations["startSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign out */
        post: operations["endSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller's personal access tokens, newest first */
        get: operations["listTokens"];
        put?: never;
        /** Make a personal access token; its text is shown this once */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens/{token_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                token_id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token; it is refused from the next request on, everywhere */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the page must know, also before anybody has signed in */
        get: operations["getConfig"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/plugins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The plugins of this installation (admins) */
        get: operations["listPlugins"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics of all workers, for the networks in the configuration and for tokens with the scope metrics */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The page's files; `/` and an unknown path without an extension give the page */
        get: operations["getPageFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        /** What no other path names is 404, never the page */
        get: operations["getUnknown"];
        /** What no other path names is 404, never the page */
        put: operations["putUnknown"];
        /** What no other path names is 404, never the page */
        post: operations["postUnknown"];
        /** What no other path names is 404, never the page */
        delete: operations["deleteUnknown"];
        options?: never;
        head?: never;
        /** What no other path names is 404, never the page */
        patch: operations["patchUnknown"];
        trace?: never;
    };
    "/api/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's stream, one for each browser
         * @description First a `state` snapshot, then its changes (`state.turn`, `state.conversation`, `state.agent`) and the events of
         *     the watched conversations in order, each from its own position. It sends no `id:`; who comes back names its
         *     own positions. A conversation that the caller may not read is left out of the stream without a word.
         */
        get: operations["streamCaller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller's workspaces, newest first */
        get: operations["listWorkspaces"];
        put?: never;
        /** Make a workspace; the caller is its owner */
        post: operations["createWorkspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workspaces/{workspace_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        /** A workspace */
        get: operations["getWorkspace"];
        put?: never;
        post?: never;
        /** Delete a workspace with its conversations and files (owners) */
        delete: operations["deleteWorkspace"];
        options?: never;
        head?: never;
        /** Change a workspace (owners and editors; archiving is the owners') */
        patch: operations["updateWorkspace"];
        trace?: never;
    };
    "/api/workspaces/{workspace_id}/members": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        /** Members and invitations, in the order in which they came */
        get: operations["listMembers"];
        put?: never;
        /**
         * Share the workspace with somebody (owners)
         * @description Somebody who has never signed in gets an invitation, which is bound when they first do.
         */
        post: operations["addMember"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workspaces/{workspace_id}/members/{subject}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
                /** @description The member's `subject`, also of an invitation */
                subject: components["parameters"]["Subject"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a member (owners), or leave (anybody); the last owner cannot */
        delete: operations["removeMember"];
        options?: never;
        head?: never;
        /** Change a member's role (owners) */
        patch: operations["updateMember"];
        trace?: never;
    };
    "/api/workspaces/{workspace_id}/agents": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        /** The agents that its conversations may use; none named means all */
        get: operations["getWorkspaceAgents"];
        /** Choose the agents that its conversations may use (owners and editors) */
        put: operations["setWorkspaceAgents"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** People who share a workspace with the caller, by the beginning of their names or addresses */
        get: operations["findPeople"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Workspaces none of whose owners has been seen for long (admins) */
        get: operations["listLostWorkspaces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/workspaces/{workspace_id}/owner": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Give a workspace that lost its owner another one (admins)
         * @description The others keep their roles. Somebody who has never signed in gets an invitation. 409 `has_owner` where an owner has been
         *     seen lately, `not_yourself` where administrators name themselves without sharing it.
         */
        put: operations["giveWorkspace"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workspaces/{workspace_id}/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        /** Conversations, newest activity first */
        get: operations["listConversations"];
        put?: never;
        /** Begin a conversation (owners and editors) */
        post: operations["createConversation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{conversation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        /** A conversation */
        get: operations["getConversation"];
        put?: never;
        post?: never;
        /** Delete a conversation (owners and editors) */
        delete: operations["deleteConversation"];
        options?: never;
        head?: never;
        /** Change title, agent, pin, archive (owners and editors) */
        patch: operations["updateConversation"];
        trace?: never;
    };
    "/api/conversations/{conversation_id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        /**
         * Messages of the current branch, a page at a time from its end backwards
         * @description Items are in reading order, oldest first; `next` leads to the page before. With `around`, the branch is the one
         *     through that message, the page holds it, and `newer` leads towards the branch's end.
         */
        get: operations["listMessages"];
        put?: never;
        /**
         * Ask (owners and editors)
         * @description Stores the question and queues a turn. Without `parent_id` it follows the current leaf; `parent_id` null makes a
         *     first message; the parent of an existing message makes a sibling of it (edit, ask again). Without `agent` the
         *     conversation's agent answers, else the workspace's; `agent` null stores the message without a turn.
         *     While a turn runs, up to 5 more wait in order, then 409 `turn_queue_full`.
         */
        post: operations["postMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/messages/{message_id}/siblings": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                message_id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        /** A message and the others with the same parent, oldest first (at most 200) */
        get: operations["listSiblings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{conversation_id}/current": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Choose the branch that is shown (owners and editors)
         * @description The current message becomes the newest leaf under the one that is named.
         */
        put: operations["setCurrentBranch"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{conversation_id}/read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        get?: never;
        /** Remember the last event that the caller has seen; never goes back */
        put: operations["setReadMark"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{conversation_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        /**
         * The conversation's events from a position, then live
         * @description `id:` is the event's `seq`, strictly rising (gaps are normal), so `Last-Event-ID`, or else `after`, resumes on any
         *     host. Without a position the stream begins live, after a `message.snapshot` of an answer that is being written.
         */
        get: operations["streamConversation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/turns/{turn_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                turn_id: components["parameters"]["TurnId"];
            };
            cookie?: never;
        };
        /** A turn and its activities */
        get: operations["getTurn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/turns/{turn_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                turn_id: components["parameters"]["TurnId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a turn (owners and editors)
         * @description A queued turn is cancelled at once; one that runs stops within a second. One that is over is 409 `turn_over`.
         */
        post: operations["cancelTurn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workspaces/{workspace_id}/files": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        /** The files of a workspace, newest first */
        get: operations["listFiles"];
        put?: never;
        /**
         * Upload a file (owners and editors)
         * @description The body is the file, byte for byte, with a length or chunked; it is read no faster than it is stored. The media
         *     type is found in the content, then by the name; that of the request is not believed. The file is seen when all
         *     of it is stored: one that was cut is nobody's. An upload of which no answer came may be stored or not: the list
         *     says it. There is no `Idempotency-Key`, because the key would have to be told with all of the bytes.
         *     413 `file_too_large` and `workspace_full` say which limit it was. A form (`multipart/…`) is 415, a part of a file
         *     (`Content-Range`) 400.
         */
        post: operations["uploadFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/files/{file_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: components["parameters"]["FileId"];
            };
            cookie?: never;
        };
        /** What is known of a file */
        get: operations["getFile"];
        put?: never;
        post?: never;
        /** Delete a file (owners and editors); its bytes go a moment later */
        delete: operations["deleteFile"];
        options?: never;
        head?: never;
        /** Give a file another name (owners and editors) */
        patch: operations["updateFile"];
        trace?: never;
    };
    "/api/files/{file_id}/content": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: components["parameters"]["FileId"];
            };
            cookie?: never;
        };
        /**
         * The bytes of a file
         * @description The ETag is the SHA-256 of the content. Only images that hold no program (PNG, JPEG, GIF, WebP, AVIF) and plain
         *     text are `inline`; all others are attachments. Nothing runs in it (`Content-Security-Policy: sandbox`), nothing
         *     guesses at it (`nosniff`).
         */
        get: operations["getFileContent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The registered agents, by title; all on one page */
        get: operations["listAgents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{agent}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        /** An agent */
        get: operations["getAgent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{agent}/check": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look at the agent again now; its health says what was found */
        post: operations["checkAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/oauth-protected-resource": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who signs tokens for this host (RFC 9728); 404 where no issuer is configured */
        get: operations["describeHost"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/oauth-protected-resource/api/mcp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same for this host's MCP server */
        get: operations["describeMcp"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/oauth-protected-resource/api/mcp/{agent}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        /** The same for a relayed agent */
        get: operations["describeRelay"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A message of MCP Streamable HTTP to this host's own server, in either era of that protocol
         * @description Tools, resources, prompts and completion over what the caller may read. There are no sessions and no stream besides the answers. What the messages are is MCP's to say (2025-03-26 to 2026-07-28).
         */
        post: operations["messageDaedalus"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/{agent}": {
        parameters: {
            query?: {
                /** @description The workspace that a built-in agent works in; only those need it */
                workspace_id?: components["schemas"]["Id"];
            };
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        /** An agent's own stream of MCP Streamable HTTP, passed on byte for byte */
        get: operations["openAgentStream"];
        put?: never;
        /** A message of MCP Streamable HTTP to an agent and its answer, passed on byte for byte */
        post: operations["messageAgent"];
        /** The end of a session with an agent */
        delete: operations["leaveAgent"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Format: uuid */
        Id: string;
        Slug: string;
        /** Format: date-time */
        Time: string;
        /** @description Position of an event in its conversation; 0 is before the first */
        Seq: number;
        Cursor: string | null;
        EntityTag: string;
        /** @enum {string} */
        Role: "owner" | "editor" | "viewer";
        /** @enum {string} */
        TurnState: "queued" | "running" | "waiting" | "done" | "failed" | "cancelled" | "interrupted";
        /**
         * @description What a reader should know of how an answer came about. `history_cut`: the agent was not told the oldest messages,
         *     they did not fit. `session_lost`: the agent had lost its session and was told the past anew.
         * @enum {string}
         */
        TurnNote: "history_cut" | "session_lost";
        /**
         * @description Of a question always `complete`; of an answer as its turn, with `complete` for done
         * @enum {string}
         */
        MessageState: "complete" | "queued" | "running" | "waiting" | "failed" | "cancelled" | "interrupted";
        /** @enum {string} */
        AgentHealth: "ok" | "degraded" | "error" | "unknown";
        ErrorCode: string;
        ResourceMetadata: {
            /** Format: uri */
            resource: string;
            resource_name: string;
            authorization_servers: string[];
            bearer_methods_supported: "header"[];
        };
        /** @description A message of JSON-RPC 2.0 as MCP has it */
        McpMessage: {
            /** @constant */
            jsonrpc: "2.0";
            id?: number | string | null;
            method?: string;
            /** @description What the method takes */
            params?: unknown;
            /** @description What it comes to */
            result?: unknown;
            /** @description Why it does not */
            error?: unknown;
        };
        Problem: {
            type: string;
            title: string;
            status: number;
            detail: string;
            code: components["schemas"]["ErrorCode"];
            request_id: string;
            errors?: components["schemas"]["ProblemEntry"][];
            /** @description Only with 401; as in Config */
            sign_in_url?: string | null;
        };
        ProblemEntry: {
            /** @description RFC 6901 into the body; for a query parameter `?name` */
            pointer: string;
            detail: string;
        };
        Health: {
            /** @enum {string} */
            status: "ok" | "draining";
        };
        Ready: {
            /** @enum {string} */
            status: "ok" | "degraded" | "down" | "draining";
            components: components["schemas"]["Component"][];
        };
        Component: {
            /** @description `database`, `plugins`, the service that a plugin provides (`object-store`, `agents`), or a plugin */
            name: string;
            /** @enum {string} */
            status: "up" | "degraded" | "down" | "unknown";
            required: boolean;
            latency_ms: number | null;
            detail: string | null;
        };
        Me: {
            subject: string;
            email: string | null;
            name: string;
            groups: string[];
            admin: boolean;
            /** @enum {string} */
            method: "local" | "proxy" | "jwt" | "token";
        };
        /** @enum {string} */
        Scope: "read" | "write" | "mcp" | "metrics";
        Token: {
            id: components["schemas"]["Id"];
            name: string;
            scopes: components["schemas"]["Scope"][];
            created_at: components["schemas"]["Time"];
            expires_at: components["schemas"]["Time"];
            last_used_at: components["schemas"]["Time"] | null;
        };
        TokenMade: {
            id: components["schemas"]["Id"];
            name: string;
            scopes: components["schemas"]["Scope"][];
            created_at: components["schemas"]["Time"];
            expires_at: components["schemas"]["Time"];
            last_used_at: components["schemas"]["Time"] | null;
            token: string;
        };
        TokenList: {
            items: components["schemas"]["Token"][];
            next: null;
        };
        TokenCreate: {
            name: components["schemas"]["LineText"];
            scopes: components["schemas"]["Scope"][];
            /** @description 90 where it is not said */
            expires_in_days?: number;
        };
        Config: {
            version: string;
            /** @description Changes whenever the page should be loaded anew */
            build: string;
            /** @enum {string} */
            environment: "production" | "development";
            /** @description Where a browser signs in; `{return}` stands for the path that it was at, percent-encoded unless it is the whole */
            sign_in_url: string | null;
            sign_out_url: string | null;
            docs_url: string | null;
            limits: components["schemas"]["Limits"];
        };
        /** @description Over all workers of one server; null where there is no limit */
        Limits: {
            json_body_bytes: number;
            /** @description Turns that run at once; more of them wait */
            turns: number | null;
            /** @description Uploads at once */
            uploads: number | null;
            /** @description Changes that one person may ask for, with bursts of ten seconds' worth */
            writes_per_second: number | null;
            /** @description Event streams that one person may have open */
            streams_per_person: number | null;
            /** @description Connections from one address that is no trusted proxy */
            connections_per_address: number | null;
        };
        PluginList: {
            items: components["schemas"]["Plugin"][];
            next: null;
        };
        Plugin: {
            name: string;
            version: string | null;
            summary: string | null;
            /** @description "1.0"; null where the file could not be read */
            abi: string | null;
            /** @enum {string} */
            state: "found" | "loaded" | "configured" | "started" | "draining" | "stopped" | "failed" | "not_configured" | "disabled";
            why: string | null;
            remedy: string | null;
            /** @enum {string} */
            health: "up" | "degraded" | "down" | "unknown";
            health_detail: string | null;
            provides: string[];
            needs: string[];
            routes: components["schemas"]["PluginRoute"][];
        };
        PluginRoute: {
            method: string;
            pattern: string;
            /** @enum {string} */
            auth: "user" | "none" | "admin" | "any";
        };
        Workspace: {
            id: components["schemas"]["Id"];
            name: string;
            description: string;
            /** @description Said to the agents of its conversations */
            instructions: string;
            default_agent: components["schemas"]["Slug"] | null;
            archived_at: components["schemas"]["Time"] | null;
            /** @description The caller's */
            role: components["schemas"]["Role"];
            /** @description Allowed ones; none means all */
            agents: components["schemas"]["Slug"][];
            version: number;
            created_at: components["schemas"]["Time"];
        };
        /** @description A workspace with what moves by itself */
        WorkspaceItem: {
            id: components["schemas"]["Id"];
            name: string;
            description: string;
            instructions: string;
            default_agent: components["schemas"]["Slug"] | null;
            archived_at: components["schemas"]["Time"] | null;
            role: components["schemas"]["Role"];
            agents: components["schemas"]["Slug"][];
            version: number;
            created_at: components["schemas"]["Time"];
            last_activity_at: components["schemas"]["Time"];
            running_turns: number;
        };
        WorkspaceList: {
            items: components["schemas"]["WorkspaceItem"][];
            next: components["schemas"]["Cursor"];
        };
        WorkspaceCreate: {
            name: components["schemas"]["LineText"];
            description?: components["schemas"]["DescriptionText"];
            instructions?: components["schemas"]["InstructionsText"];
            default_agent?: components["schemas"]["Slug"] | null;
        };
        WorkspaceUpdate: {
            name?: components["schemas"]["LineText"];
            description?: components["schemas"]["DescriptionText"];
            instructions?: components["schemas"]["InstructionsText"];
            default_agent?: components["schemas"]["Slug"] | null;
            archived?: boolean;
        };
        WorkspaceDeleted: {
            conversations: number;
            files: number;
        };
        WorkspaceAgents: {
            items: components["schemas"]["Slug"][];
            /** @description The workspace's */
            version: number;
        };
        WorkspaceAgentsUpdate: {
            items: components["schemas"]["Slug"][];
        };
        Member: {
            /** @description Of an invitation `invitation:` and its id */
            subject: string;
            name: string;
            email: string | null;
            role: components["schemas"]["Role"];
            /** @enum {string} */
            state: "active" | "invited";
            created_at: components["schemas"]["Time"];
        };
        MemberList: {
            items: components["schemas"]["Member"][];
            next: components["schemas"]["Cursor"];
        };
        MemberCreate: {
            email: string;
            role: components["schemas"]["Role"];
        };
        MemberUpdate: {
            role: components["schemas"]["Role"];
        };
        OwnerUpdate: {
            email: string;
        };
        Person: {
            subject: string;
            name: string;
            email: string | null;
        };
        PersonList: {
            items: components["schemas"]["Person"][];
            next: null;
        };
        LostWorkspace: {
            id: components["schemas"]["Id"];
            name: string;
            created_at: components["schemas"]["Time"];
            members: number;
            owner_last_seen_at: components["schemas"]["Time"] | null;
        };
        LostWorkspaceList: {
            items: components["schemas"]["LostWorkspace"][];
            next: components["schemas"]["Cursor"];
        };
        Conversation: {
            id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            /** @description Empty until the first question or an edit */
            title: string;
            /** @description Who answers; null means the workspace's default agent */
            agent: components["schemas"]["Slug"] | null;
            pinned: boolean;
            archived_at: components["schemas"]["Time"] | null;
            version: number;
            created_at: components["schemas"]["Time"];
        };
        /** @description A conversation with what moves by itself */
        ConversationItem: {
            id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            title: string;
            agent: components["schemas"]["Slug"] | null;
            pinned: boolean;
            archived_at: components["schemas"]["Time"] | null;
            version: number;
            created_at: components["schemas"]["Time"];
            last_activity_at: components["schemas"]["Time"];
            current_message_id: components["schemas"]["Id"] | null;
            /** @description The turn that is running or waiting, else the first that is queued */
            running_turn: components["schemas"]["Id"] | null;
            last_seq: components["schemas"]["Seq"];
            read_seq: components["schemas"]["Seq"];
        };
        ConversationList: {
            items: components["schemas"]["ConversationItem"][];
            next: components["schemas"]["Cursor"];
        };
        ConversationCreate: {
            title?: components["schemas"]["LineText"];
            agent?: components["schemas"]["Slug"] | null;
        };
        ConversationUpdate: {
            title?: components["schemas"]["LineText"];
            agent?: components["schemas"]["Slug"] | null;
            pinned?: boolean;
            archived?: boolean;
        };
        Current: {
            conversation_id: components["schemas"]["Id"];
            current_message_id: components["schemas"]["Id"];
        };
        CurrentUpdate: {
            message_id: components["schemas"]["Id"];
        };
        ReadMark: {
            conversation_id: components["schemas"]["Id"];
            read_seq: components["schemas"]["Seq"];
            last_seq: components["schemas"]["Seq"];
        };
        ReadUpdate: {
            /** @description What is beyond the last event counts as the last */
            seq: components["schemas"]["Seq"];
        };
        Author: {
            subject: string;
            name: string;
        };
        Siblings: {
            /** @description With the message itself */
            count: number;
            /** @description From 1, oldest first */
            position: number;
        };
        /** @description One thing that the agent said on the way, as it sent it */
        Iteration: {
            [key: string]: unknown;
        };
        /** @description A tool that ran, or an agent called by the agent; draws as a tree by `parent_id` */
        Activity: {
            activity_id: string;
            parent_id: string | null;
            /** @enum {string} */
            kind: "tool" | "agent";
            name: string;
            agent: string | null;
            /** @enum {string} */
            state: "running" | "done" | "failed";
            started_at: components["schemas"]["Time"];
            finished_at: components["schemas"]["Time"] | null;
            summary: string | null;
        };
        Message: {
            id: components["schemas"]["Id"];
            conversation_id: components["schemas"]["Id"];
            parent_id: components["schemas"]["Id"] | null;
            /** @enum {string} */
            role: "user" | "assistant";
            /** @description Null where an agent wrote it */
            author: components["schemas"]["Author"] | null;
            /** @description Who wrote the answer; of a question who was asked, null if nobody */
            agent: components["schemas"]["Slug"] | null;
            /** @description Of a running answer the text so far */
            content: string;
            iterations: components["schemas"]["Iteration"][] | null;
            state: components["schemas"]["MessageState"];
            error_code: components["schemas"]["ErrorCode"] | null;
            /** @description Words that a person can act on */
            error_detail: string | null;
            /** @description The turn that asks it or answers it; null without one */
            turn_id: components["schemas"]["Id"] | null;
            request_id: string | null;
            created_at: components["schemas"]["Time"];
            started_at: components["schemas"]["Time"] | null;
            finished_at: components["schemas"]["Time"] | null;
            siblings: components["schemas"]["Siblings"];
            activities: components["schemas"]["Activity"][];
            notes: components["schemas"]["TurnNote"][];
            /** @description In the order of attaching */
            files: components["schemas"]["MessageFile"][];
        };
        MessageFile: {
            id: components["schemas"]["Id"];
            /** @description As it is now; of a file that has gone as it was */
            name: string;
            media_type: string;
            /** @description Null where the file has been deleted */
            size: number | null;
        };
        MessageList: {
            /** @description Oldest first */
            items: components["schemas"]["Message"][];
            /** @description Towards the beginning */
            next: components["schemas"]["Cursor"];
            /** @description Towards the end; null at the end */
            newer: components["schemas"]["Cursor"];
            current_message_id: components["schemas"]["Id"] | null;
            running_turn: components["schemas"]["Id"] | null;
            /** @description Resume the stream after this one */
            last_seq: components["schemas"]["Seq"];
            read_seq: components["schemas"]["Seq"];
        };
        MessageCreate: {
            content: components["schemas"]["ContentText"];
            agent?: components["schemas"]["Slug"] | null;
            parent_id?: components["schemas"]["Id"] | null;
            /** @description Files of the workspace to attach, in this order */
            file_ids?: components["schemas"]["Id"][];
        };
        MessagePosted: {
            message: components["schemas"]["Message"];
            turn: components["schemas"]["Turn"] | null;
        };
        Sibling: {
            id: components["schemas"]["Id"];
            position: number;
            /** @enum {string} */
            role: "user" | "assistant";
            author: components["schemas"]["Author"] | null;
            agent: components["schemas"]["Slug"] | null;
            state: components["schemas"]["MessageState"];
            /** @description The first characters of the content */
            excerpt: string;
            created_at: components["schemas"]["Time"];
        };
        SiblingList: {
            items: components["schemas"]["Sibling"][];
            next: null;
        };
        Turn: {
            id: components["schemas"]["Id"];
            conversation_id: components["schemas"]["Id"];
            question_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            agent: components["schemas"]["Slug"];
            state: components["schemas"]["TurnState"];
            /** @description Of a queued turn how many are before it, counted from 1; else null */
            position: number | null;
            error_code: components["schemas"]["ErrorCode"] | null;
            error_detail: string | null;
            request_id: string | null;
            created_at: components["schemas"]["Time"];
            started_at: components["schemas"]["Time"] | null;
            finished_at: components["schemas"]["Time"] | null;
            duration_ms: number | null;
            activities: components["schemas"]["Activity"][];
            notes: components["schemas"]["TurnNote"][];
        };
        File: {
            id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            name: components["schemas"]["FileName"];
            /** @description As found in the content */
            media_type: string;
            /** @description Bytes */
            size: number;
            /** @description Of the content */
            sha256: string;
            /** @description The subject of who uploaded it */
            uploaded_by: string;
            created_at: components["schemas"]["Time"];
            version: number;
        };
        FileList: {
            items: components["schemas"]["File"][];
            next: components["schemas"]["Cursor"];
            space: components["schemas"]["FileSpace"];
        };
        /** @description What the workspace may take, so that nobody sends what is refused afterwards */
        FileSpace: {
            /** @description Bytes of all its files, those under way too */
            used: number;
            /** @description Bytes that all its files may have; null where there is no limit */
            limit: number | null;
            /** @description Bytes */
            largest_file: number;
        };
        FileUpdate: {
            name?: components["schemas"]["FileName"];
        };
        Agent: {
            slug: components["schemas"]["Slug"];
            title: string;
            description: string;
            health: components["schemas"]["AgentHealth"];
            /** @description Why it is not ok */
            reason: string | null;
            last_seen: components["schemas"]["Time"] | null;
            latency_ms: number | null;
            tools: components["schemas"]["AgentTool"][];
            capabilities: components["schemas"]["AgentCapabilities"];
            example_messages: string[];
            /** @description Built in */
            internal: boolean;
        };
        AgentTool: {
            name: string;
            title: string | null;
            description: string | null;
        };
        AgentCapabilities: {
            vision: boolean | null;
            context_window: number | null;
            max_output_tokens: number | null;
        };
        AgentList: {
            items: components["schemas"]["Agent"][];
            next: null;
        };
        /** @description One line, not blank; no control characters */
        LineText: string;
        /**
         * @description Not only blanks, dots and characters without a width; without slashes of either kind, control characters, U+FFFE,
         *     U+FFFF and characters that change the direction of text. At most 255 bytes
         */
        FileName: string;
        DescriptionText: string;
        InstructionsText: string;
        /** @description Not blank; no control characters but line breaks and tabs */
        ContentText: string;
        MessageCreatedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            message: components["schemas"]["Message"];
        };
        /** @description The message as it is now, for instance with more siblings */
        MessageUpdatedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            message: components["schemas"]["Message"];
        };
        /** @description The text of an answer up to here, in place of chunks that are not sent; `seq` is the last it covers */
        MessageSnapshotEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            message_id: components["schemas"]["Id"];
            turn_id: components["schemas"]["Id"];
            state: components["schemas"]["MessageState"];
            content: string;
            /** @description Of the content in UTF-8 bytes */
            length: number;
            activities: components["schemas"]["Activity"][];
        };
        ConversationUpdatedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            conversation: components["schemas"]["Conversation"];
            current_message_id: components["schemas"]["Id"] | null;
        };
        /** @description The last event of a conversation; the stream ends */
        ConversationDeletedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
        };
        /** @description A turn waits, or has moved up */
        TurnQueuedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            question_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            agent: components["schemas"]["Slug"];
            position: number;
        };
        TurnStartedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            question_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            agent: components["schemas"]["Slug"];
            started_at: components["schemas"]["Time"];
        };
        /** @description What the agent says of its progress; numbers may fall */
        TurnProgressEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            message: string | null;
            progress: number | null;
            total: number | null;
        };
        /** @description An activity began or changed */
        TurnActivityEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            activity_id: string;
            parent_id: string | null;
            /** @enum {string} */
            kind: "tool" | "agent";
            name: string;
            agent: string | null;
            /** @enum {string} */
            state: "running" | "done" | "failed";
            started_at: components["schemas"]["Time"];
            finished_at: components["schemas"]["Time"] | null;
            summary: string | null;
        };
        TurnChunkEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            message_id: components["schemas"]["Id"];
            /** @description UTF-8 bytes of the text before this chunk */
            offset: number;
            text: string;
        };
        /** @description The answer is complete; `message` is it, and its content is what is kept */
        TurnDoneEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            message: components["schemas"]["Message"];
            finished_at: components["schemas"]["Time"];
            duration_ms: number | null;
        };
        TurnFailedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            message: components["schemas"]["Message"];
            finished_at: components["schemas"]["Time"];
            duration_ms: number | null;
            code: components["schemas"]["ErrorCode"];
            /** @description Words that a person can act on */
            reason: string;
        };
        TurnCancelledEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            message: components["schemas"]["Message"];
            finished_at: components["schemas"]["Time"];
            duration_ms: number | null;
        };
        /** @description The process that ran it has gone; the text so far is kept */
        TurnInterruptedEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
            turn_id: components["schemas"]["Id"];
            answer_id: components["schemas"]["Id"];
            message: components["schemas"]["Message"];
            finished_at: components["schemas"]["Time"];
            duration_ms: number | null;
            code: components["schemas"]["ErrorCode"];
            reason: string;
        };
        /** @description The position is older than the log, or not of it; read the messages anew, the stream goes on after `seq` */
        StreamResetEvent: {
            conversation_id: components["schemas"]["Id"];
            seq: components["schemas"]["Seq"];
        };
        /**
         * @description The stream ends: the caller's session or token has (`signed_out`), they may no longer read this
         *     (`access_lost`), or may do less than when it began (`access_changed`): what they still may is to be read anew.
         */
        SessionEndedEvent: {
            /** @enum {string} */
            reason: "signed_out" | "access_lost" | "access_changed";
        };
        StateEvent: {
            running: components["schemas"]["StateTurn"][];
            /** @description At most the newest 200 */
            unread: components["schemas"]["StateUnread"][];
            agents: components["schemas"]["StateAgentEvent"][];
            build: string;
        };
        StateTurn: {
            turn_id: components["schemas"]["Id"];
            conversation_id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            agent: components["schemas"]["Slug"];
            /** @enum {string} */
            state: "queued" | "running" | "waiting";
        };
        StateUnread: {
            conversation_id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            last_seq: components["schemas"]["Seq"];
            read_seq: components["schemas"]["Seq"];
        };
        /** @description A turn of one of the caller's conversations began to wait, began, or is over */
        StateTurnEvent: {
            turn_id: components["schemas"]["Id"];
            conversation_id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            agent: components["schemas"]["Slug"];
            state: components["schemas"]["TurnState"];
        };
        /** @description One of the caller's conversations moved, was read on another device, or was deleted */
        StateConversationEvent: {
            conversation_id: components["schemas"]["Id"];
            workspace_id: components["schemas"]["Id"];
            title: string;
            last_seq: components["schemas"]["Seq"];
            read_seq: components["schemas"]["Seq"];
            last_activity_at: components["schemas"]["Time"];
            deleted: boolean;
        };
        StateAgentEvent: {
            slug: components["schemas"]["Slug"];
            title: string;
            health: components["schemas"]["AgentHealth"];
            reason: string | null;
        };
        /** @description One event of a conversation's stream, with its `event:` and `data:` */
        ConversationEvent: components["schemas"]["MessageCreatedEnvelope"] | components["schemas"]["MessageUpdatedEnvelope"] | components["schemas"]["MessageSnapshotEnvelope"] | components["schemas"]["ConversationUpdatedEnvelope"] | components["schemas"]["ConversationDeletedEnvelope"] | components["schemas"]["TurnQueuedEnvelope"] | components["schemas"]["TurnStartedEnvelope"] | components["schemas"]["TurnProgressEnvelope"] | components["schemas"]["TurnActivityEnvelope"] | components["schemas"]["TurnChunkEnvelope"] | components["schemas"]["TurnDoneEnvelope"] | components["schemas"]["TurnFailedEnvelope"] | components["schemas"]["TurnCancelledEnvelope"] | components["schemas"]["TurnInterruptedEnvelope"] | components["schemas"]["StreamResetEnvelope"] | components["schemas"]["SessionEndedEnvelope"];
        /** @description One event of the caller's stream */
        CallerEvent: components["schemas"]["StateEnvelope"] | components["schemas"]["StateTurnEnvelope"] | components["schemas"]["StateConversationEnvelope"] | components["schemas"]["StateAgentEnvelope"] | components["schemas"]["ConversationEvent"];
        MessageCreatedEnvelope: {
            /** @constant */
            event: "message.created";
            data: components["schemas"]["MessageCreatedEvent"];
        };
        MessageUpdatedEnvelope: {
            /** @constant */
            event: "message.updated";
            data: components["schemas"]["MessageUpdatedEvent"];
        };
        MessageSnapshotEnvelope: {
            /** @constant */
            event: "message.snapshot";
            data: components["schemas"]["MessageSnapshotEvent"];
        };
        ConversationUpdatedEnvelope: {
            /** @constant */
            event: "conversation.updated";
            data: components["schemas"]["ConversationUpdatedEvent"];
        };
        ConversationDeletedEnvelope: {
            /** @constant */
            event: "conversation.deleted";
            data: components["schemas"]["ConversationDeletedEvent"];
        };
        TurnQueuedEnvelope: {
            /** @constant */
            event: "turn.queued";
            data: components["schemas"]["TurnQueuedEvent"];
        };
        TurnStartedEnvelope: {
            /** @constant */
            event: "turn.started";
            data: components["schemas"]["TurnStartedEvent"];
        };
        TurnProgressEnvelope: {
            /** @constant */
            event: "turn.progress";
            data: components["schemas"]["TurnProgressEvent"];
        };
        TurnActivityEnvelope: {
            /** @constant */
            event: "turn.activity";
            data: components["schemas"]["TurnActivityEvent"];
        };
        TurnChunkEnvelope: {
            /** @constant */
            event: "turn.chunk";
            data: components["schemas"]["TurnChunkEvent"];
        };
        TurnDoneEnvelope: {
            /** @constant */
            event: "turn.done";
            data: components["schemas"]["TurnDoneEvent"];
        };
        TurnFailedEnvelope: {
            /** @constant */
            event: "turn.failed";
            data: components["schemas"]["TurnFailedEvent"];
        };
        TurnCancelledEnvelope: {
            /** @constant */
            event: "turn.cancelled";
            data: components["schemas"]["TurnCancelledEvent"];
        };
        TurnInterruptedEnvelope: {
            /** @constant */
            event: "turn.interrupted";
            data: components["schemas"]["TurnInterruptedEvent"];
        };
        StreamResetEnvelope: {
            /** @constant */
            event: "stream.reset";
            data: components["schemas"]["StreamResetEvent"];
        };
        SessionEndedEnvelope: {
            /** @constant */
            event: "session.ended";
            data: components["schemas"]["SessionEndedEvent"];
        };
        StateEnvelope: {
            /** @constant */
            event: "state";
            data: components["schemas"]["StateEvent"];
        };
        StateTurnEnvelope: {
            /** @constant */
            event: "state.turn";
            data: components["schemas"]["StateTurnEvent"];
        };
        StateConversationEnvelope: {
            /** @constant */
            event: "state.conversation";
            data: components["schemas"]["StateConversationEvent"];
        };
        StateAgentEnvelope: {
            /** @constant */
            event: "state.agent";
            data: components["schemas"]["StateAgentEvent"];
        };
    };
    responses: {
        /** @description 200 ok, 503 on the way out */
        Health: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Health"];
            };
        };
        /** @description 200 where all that is required is there, else 503 */
        Ready: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Ready"];
            };
        };
        /** @description A file of the page */
        File: {
            headers: {
                ETag: string;
                Vary: string;
                "Cache-Control": string;
                "Accept-Ranges": "bytes";
                [name: string]: unknown;
            };
            content: {
                "*/*": string;
            };
        };
        /** @description The bytes that `Range` names, of the variant that the ETag names */
        FilePart: {
            headers: {
                ETag: string;
                Vary: string;
                "Cache-Control": string;
                "Accept-Ranges": "bytes";
                "Content-Range": string;
                [name: string]: unknown;
            };
            content: {
                "*/*": string;
            };
        };
        /** @description What the client holds is still right */
        NotModified: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The workspace */
        Workspace: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Workspace"];
            };
        };
        /** @description The new workspace */
        WorkspaceCreated: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                Location: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Workspace"];
            };
        };
        /** @description The agents, with the workspace's ETag */
        WorkspaceAgents: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["WorkspaceAgents"];
            };
        };
        /** @description The conversation */
        Conversation: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Conversation"];
            };
        };
        /** @description The new conversation */
        ConversationCreated: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                Location: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Conversation"];
            };
        };
        /** @description The turn */
        Turn: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Turn"];
            };
        };
        /** @description The file */
        FileFacts: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["File"];
            };
        };
        /** @description It is stored */
        FileCreated: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                Location: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["File"];
            };
        };
        /** @description All of it */
        FileContent: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                "Accept-Ranges": "bytes";
                "Content-Disposition": string;
                "Content-Security-Policy": string;
                "X-Content-Type-Options": "nosniff";
                "Cache-Control": "private, no-cache";
                [name: string]: unknown;
            };
            content: {
                "*/*": string;
            };
        };
        /** @description The bytes that `Range` names */
        FileContentPart: {
            headers: {
                ETag: components["schemas"]["EntityTag"];
                "Accept-Ranges": "bytes";
                "Content-Disposition": string;
                "Content-Security-Policy": string;
                "X-Content-Type-Options": "nosniff";
                "Cache-Control": "private, no-cache";
                "Content-Range": string;
                [name: string]: unknown;
            };
            content: {
                "*/*": string;
            };
        };
        /** @description The agent */
        Agent: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Agent"];
            };
        };
        /** @description Not HTTP or JSON as it must be, a doubled identity header, or Idempotency-Key where it is not taken */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Nobody is signed in, or the session has ended (`sign_in_url` says where to go), or the credential is not believed (`invalid_token`) */
        Unauthorized: {
            headers: {
                "WWW-Authenticate"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A page of another origin may not do this */
        CrossSite: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The caller sees it but may not do this (`role_required`), the token's scopes do not hold it (`insufficient_scope`), or the request comes from elsewhere */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no such thing for this caller */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The path has no such method */
        MethodNotAllowed: {
            headers: {
                Allow: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description None of the media types asked for is offered */
        NotAcceptable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request did not arrive in time */
        Timeout: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description `idempotency_in_flight`, `already_done`, `conflict`, and by operation `last_owner`, `already_member`,
         *     `turn_queue_full`, `turn_over`, `upload_over`
         */
        Conflict: {
            headers: {
                "Retry-After"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It has changed since; read it again (`precondition_failed`) */
        PreconditionFailed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The range begins behind the end (`range_not_satisfiable`) */
        RangeNotSatisfiable: {
            headers: {
                "Content-Range": string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is too large, or there is one where none belongs */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The target is longer than 8 KiB */
        TargetTooLong: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is not application/json */
        UnsupportedMediaType: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The Host is not one of this installation's */
        Misdirected: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Metadata of a protected resource */
        ResourceMetadata: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ResourceMetadata"];
            };
        };
        /** @description What the agent answers, with its own status */
        Passed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "*/*": unknown;
            };
        };
        /** @description The agent could not be reached, did not answer in time, or gave an answer that is for this host alone */
        AgentFailed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body or a query parameter does not fit; `errors` says where and why */
        Unprocessable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many requests of this caller */
        TooManyRequests: {
            headers: {
                "Retry-After": string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description More than 32 KiB or 100 header fields */
        HeadersTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A fault on this side, logged under the request id */
        Failed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Draining, or a dependency is down */
        Unavailable: {
            headers: {
                "Retry-After": string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It took too long and was undone */
        Deadline: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no room to store it */
        Full: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        WorkspaceId: components["schemas"]["Id"];
        ConversationId: components["schemas"]["Id"];
        TurnId: components["schemas"]["Id"];
        FileId: components["schemas"]["Id"];
        AgentSlug: components["schemas"]["Slug"];
        /** @description The member's `subject`, also of an invitation */
        Subject: string;
        Limit: number;
        /** @description The `next` of the page before; opaque */
        Cursor: string;
        /** @description true lists what is archived, false what is not */
        Archived: boolean;
        /** @description Makes a repeat safe; the same key and body gives the first answer again, for 24 hours */
        IdempotencyKey: string;
        IfMatch: string;
        /** @description One range of bytes. Several, and what is none, give the whole */
        Range: string;
        /** @description A strong ETag; `Range` counts only while it is right */
        IfRange: string;
        IfNoneMatch: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Health"];
            503: components["responses"]["Health"];
        };
    };
    getLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Health"];
            503: components["responses"]["Health"];
        };
    };
    getLiveSlash: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Health"];
            503: components["responses"]["Health"];
        };
    };
    getReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Ready"];
            503: components["responses"]["Ready"];
        };
    };
    getReadySlash: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Ready"];
            503: components["responses"]["Ready"];
        };
    };
    getHealthReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Ready"];
            503: components["responses"]["Ready"];
        };
    };
    startSession: {
        parameters: {
            query: {
                code: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To HEAD and to prefetches; nothing is used up */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Signed in */
            303: {
                headers: {
                    Location: string;
                    "Set-Cookie": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: components["responses"]["NotFound"];
            /** @description The link has been used, or is not of this installation; says where the next one is */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended; the cookie is taken back */
            204: {
                headers: {
                    "Set-Cookie": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            403: components["responses"]["Forbidden"];
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who asks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            401: components["responses"]["Unauthorized"];
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them, also those that have run out in the last month */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenCreate"];
            };
        };
        responses: {
            /** @description The token and its text */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenMade"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                token_id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
        };
    };
    getConfig: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Limits, switches, links, build */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Config"];
                };
            };
        };
    };
    listPlugins: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All plugins, also those that take no part */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus text 0.0.4, or OpenMetrics 1.0 where Accept asks for it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                    "application/openmetrics-text": string;
                };
            };
            403: components["responses"]["Forbidden"];
        };
    };
    getPageFile: {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                "If-Match"?: components["parameters"]["IfMatch"];
                /** @description One range of bytes. Several, and what is none, give the whole */
                Range?: components["parameters"]["Range"];
                /** @description A strong ETag; `Range` counts only while it is right */
                "If-Range"?: components["parameters"]["IfRange"];
            };
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["File"];
            206: components["responses"]["FilePart"];
            304: components["responses"]["NotModified"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            416: components["responses"]["RangeNotSatisfiable"];
        };
    };
    getUnknown: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            404: components["responses"]["NotFound"];
        };
    };
    putUnknown: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            404: components["responses"]["NotFound"];
        };
    };
    postUnknown: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            404: components["responses"]["NotFound"];
        };
    };
    deleteUnknown: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            404: components["responses"]["NotFound"];
        };
    };
    patchUnknown: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            404: components["responses"]["NotFound"];
        };
    };
    streamCaller: {
        parameters: {
            query?: {
                /** @description Up to 50 of `conversation_id:after`, separated by commas */
                watch?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-Sent Events; the schema is that of each event */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["CallerEvent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            422: components["responses"]["Unprocessable"];
        };
    };
    listWorkspaces: {
        parameters: {
            query?: {
                limit?: components["parameters"]["Limit"];
                /** @description The `next` of the page before; opaque */
                cursor?: components["parameters"]["Cursor"];
                /** @description true lists what is archived, false what is not */
                archived?: components["parameters"]["Archived"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of workspaces */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            422: components["responses"]["Unprocessable"];
        };
    };
    createWorkspace: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe; the same key and body gives the first answer again, for 24 hours */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkspaceCreate"];
            };
        };
        responses: {
            201: components["responses"]["WorkspaceCreated"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    getWorkspace: {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Workspace"];
            304: components["responses"]["NotModified"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    deleteWorkspace: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone; how much went with it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceDeleted"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
        };
    };
    updateWorkspace: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkspaceUpdate"];
            };
        };
        responses: {
            200: components["responses"]["Workspace"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            422: components["responses"]["Unprocessable"];
        };
    };
    listMembers: {
        parameters: {
            query?: {
                limit?: components["parameters"]["Limit"];
                /** @description The `next` of the page before; opaque */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of members */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemberList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    addMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe; the same key and body gives the first answer again, for 24 hours */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberCreate"];
            };
        };
        responses: {
            /** @description The new member or invitation */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    removeMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
                /** @description The member's `subject`, also of an invitation */
                subject: components["parameters"]["Subject"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
        };
    };
    updateMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
                /** @description The member's `subject`, also of an invitation */
                subject: components["parameters"]["Subject"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberUpdate"];
            };
        };
        responses: {
            /** @description The member */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    getWorkspaceAgents: {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["WorkspaceAgents"];
            304: components["responses"]["NotModified"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    setWorkspaceAgents: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkspaceAgentsUpdate"];
            };
        };
        responses: {
            200: components["responses"]["WorkspaceAgents"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            422: components["responses"]["Unprocessable"];
        };
    };
    findPeople: {
        parameters: {
            query: {
                /** @description Each word begins a word of the name, in any order and case; or all of it begins the e-mail address */
                q: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Those found, by name; never the caller */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PersonList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            422: components["responses"]["Unprocessable"];
        };
    };
    listLostWorkspaces: {
        parameters: {
            query?: {
                limit?: components["parameters"]["Limit"];
                /** @description The `next` of the page before; opaque */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of them, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LostWorkspaceList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    giveWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OwnerUpdate"];
            };
        };
        responses: {
            /** @description The owner */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    listConversations: {
        parameters: {
            query?: {
                limit?: components["parameters"]["Limit"];
                /** @description The `next` of the page before; opaque */
                cursor?: components["parameters"]["Cursor"];
                /** @description true lists what is archived, false what is not */
                archived?: components["parameters"]["Archived"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of conversations */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    createConversation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe; the same key and body gives the first answer again, for 24 hours */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConversationCreate"];
            };
        };
        responses: {
            201: components["responses"]["ConversationCreated"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    getConversation: {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Conversation"];
            304: components["responses"]["NotModified"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    deleteConversation: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
        };
    };
    updateConversation: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConversationUpdate"];
            };
        };
        responses: {
            200: components["responses"]["Conversation"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            422: components["responses"]["Unprocessable"];
        };
    };
    listMessages: {
        parameters: {
            query?: {
                limit?: components["parameters"]["Limit"];
                /** @description The `next` of the page before; opaque */
                cursor?: components["parameters"]["Cursor"];
                /** @description Open the page that holds this message; 404 where it is not in the conversation */
                around?: components["schemas"]["Id"];
            };
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of messages, and where the conversation stands at that moment */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    postMessage: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a repeat safe; the same key and body gives the first answer again, for 24 hours */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageCreate"];
            };
        };
        responses: {
            /** @description Stored; the answer comes on the conversation's stream */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessagePosted"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Unprocessable"];
        };
    };
    listSiblings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                message_id: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The siblings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SiblingList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    setCurrentBranch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CurrentUpdate"];
            };
        };
        responses: {
            /** @description The branch that is shown now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Current"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    setReadMark: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReadUpdate"];
            };
        };
        responses: {
            /** @description The mark as it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadMark"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    streamConversation: {
        parameters: {
            query?: {
                after?: components["schemas"]["Seq"];
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path: {
                conversation_id: components["parameters"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-Sent Events; the schema is that of each event */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ConversationEvent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    getTurn: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                turn_id: components["parameters"]["TurnId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Turn"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    cancelTurn: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                turn_id: components["parameters"]["TurnId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: components["responses"]["Turn"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
        };
    };
    listFiles: {
        parameters: {
            query?: {
                limit?: components["parameters"]["Limit"];
                /** @description The `next` of the page before; opaque */
                cursor?: components["parameters"]["Cursor"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of files */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
        };
    };
    uploadFile: {
        parameters: {
            query: {
                /** @description Under which it is downloaded again. Kept in Unicode form NFC, without blanks at its ends, at most 255 bytes of UTF-8 */
                name: components["schemas"]["FileName"];
            };
            header?: never;
            path: {
                workspace_id: components["parameters"]["WorkspaceId"];
            };
            cookie?: never;
        };
        /** @description Without one the file is empty */
        requestBody?: {
            content: {
                "*/*": unknown;
            };
        };
        responses: {
            201: components["responses"]["FileCreated"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["Unprocessable"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["Full"];
        };
    };
    getFile: {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path: {
                file_id: components["parameters"]["FileId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["FileFacts"];
            304: components["responses"]["NotModified"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    deleteFile: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                file_id: components["parameters"]["FileId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
        };
    };
    updateFile: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                file_id: components["parameters"]["FileId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileUpdate"];
            };
        };
        responses: {
            200: components["responses"]["FileFacts"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            422: components["responses"]["Unprocessable"];
        };
    };
    getFileContent: {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                "If-Match"?: components["parameters"]["IfMatch"];
                /** @description One range of bytes. Several, and what is none, give the whole */
                Range?: components["parameters"]["Range"];
                /** @description A strong ETag; `Range` counts only while it is right */
                "If-Range"?: components["parameters"]["IfRange"];
            };
            path: {
                file_id: components["parameters"]["FileId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["FileContent"];
            206: components["responses"]["FileContentPart"];
            304: components["responses"]["NotModified"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["PreconditionFailed"];
            416: components["responses"]["RangeNotSatisfiable"];
            503: components["responses"]["Unavailable"];
        };
    };
    listAgents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agents */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentList"];
                };
            };
            401: components["responses"]["Unauthorized"];
        };
    };
    getAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Agent"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    checkAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Agent"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            404: components["responses"]["NotFound"];
        };
    };
    describeHost: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["ResourceMetadata"];
            404: components["responses"]["NotFound"];
        };
    };
    describeMcp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["ResourceMetadata"];
            404: components["responses"]["NotFound"];
        };
    };
    describeRelay: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["ResourceMetadata"];
            404: components["responses"]["NotFound"];
        };
    };
    messageDaedalus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["McpMessage"];
            };
        };
        responses: {
            /** @description A result of JSON-RPC, or an error of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpMessage"];
                };
            };
            /** @description A notification was taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No message, or one that its revision of MCP forbids */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpMessage"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            /** @description A method that 2026-07-28 does not have */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpMessage"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            415: components["responses"]["UnsupportedMediaType"];
        };
    };
    openAgentStream: {
        parameters: {
            query?: {
                /** @description The workspace that a built-in agent works in; only those need it */
                workspace_id?: components["schemas"]["Id"];
            };
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Passed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
            502: components["responses"]["AgentFailed"];
            504: components["responses"]["AgentFailed"];
        };
    };
    messageAgent: {
        parameters: {
            query?: {
                /** @description The workspace that a built-in agent works in; only those need it */
                workspace_id?: components["schemas"]["Id"];
            };
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "*/*": unknown;
            };
        };
        responses: {
            200: components["responses"]["Passed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
            502: components["responses"]["AgentFailed"];
            504: components["responses"]["AgentFailed"];
        };
    };
    leaveAgent: {
        parameters: {
            query?: {
                /** @description The workspace that a built-in agent works in; only those need it */
                workspace_id?: components["schemas"]["Id"];
            };
            header?: never;
            path: {
                agent: components["parameters"]["AgentSlug"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Passed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["CrossSite"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Unprocessable"];
            502: components["responses"]["AgentFailed"];
            504: components["responses"]["AgentFailed"];
        };
    };
}
