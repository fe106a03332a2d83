/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces: what the files of this plugin share.
 *
 * All of it runs inside a transaction on a pool thread. Topics:
 *   workspace:deleted    text: the id; what belongs to it is to be deleted
 *   access:WORKSPACE_ID  text: the subject whose rights changed, or "*"
 */
#pragma once

#include <daedalus-plugin.h>
#include <services/agents.h>
#include <services/workspaces.h>

#define INVITATION "invitation:" /* before the id of one, in the place of a subject */

typedef enum {
  ROLE_NONE = 0, /* no member: the workspace does not exist for them */
  ROLE_VIEWER,
  ROLE_EDITOR,
  ROLE_OWNER
} Role;

/* Constant after start. */
typedef struct {
  const DaeAgents1 *agents; /* NULL: nobody knows agents */
  DaePlugin *agents_provider;
  gint conversations_seen; /* atomic: the tables of conversations are there */
  gint files_seen;         /* atomic: that of files is there */
} WorkspacesData;

/* workspaces-access.c */

Role role_from_text (const char *text);
Role access_role (DaeTx *tx, const char *subject, const char *workspace_id);
/* Counts the workspace's version up, which locks it against other writers until the transaction
 * ends, and then reads the caller's role. ROLE_NONE where there is none; *RET_VERSION is the one
 * before. */
Role access_lock (DaeTx *tx, const char *subject, const char *workspace_id, gint64 *ret_version);
/* What to answer where ROLE is less than NEEDED: 404 to those who do not see it, else 403; NULL: go
 * on. */
DaeReply *access_refuse (DaeRequest *req, Role role, Role needed);
/* 412 where If-Match names another version; NULL: go on. */
DaeReply *access_refuse_version (DaeRequest *req, gint64 version);
/* TRUE if the tables `conversation` and `turn` exist: their plugin may be left out. */
gboolean access_has_conversations (DaeTx *tx, DaePlugin *self);
/* The same of the table `file`. */
gboolean access_has_files (DaeTx *tx, DaePlugin *self);
/* Tells streams and caches that the rights of SUBJECT ("*": everybody) changed. */
void access_changed (DaeTx *tx, const char *workspace_id, const char *subject);
extern const DaeWorkspaces1 workspaces_service;

/* workspaces-cursor.c: what stands between two pages, opaque to clients. */

/* Owned: NULL if TEXT is none of ours. */
char *cursor_decode (const char *text);
/* TRUE if TEXT is the id of a row. */
gboolean cursor_is_id (const char *text);
/* Writes "next". */
void cursor_write (DaeJson *json, const char *position);
DaeReply *cursor_refuse (DaeRequest *req);

/* workspaces-list.c, workspaces-members.c, workspaces-agents.c: handlers */

DaeReply *workspaces_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *members_list (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *members_add (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *members_update (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *members_remove (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* Step of the job "invitations": those whose people have signed in since become members. */
gboolean members_bind (DaeTx *tx, DaePlugin *self);
/* Borrowed from TX; NULL: nobody with this address has signed in. */
const char *members_find_person (DaeTx *tx, const char *email);
/* 422 where EMAIL is none; NULL: go on. */
DaeReply *members_refuse_email (DaeRequest *req, const char *email);
DaeReply *member_reply (
    DaeTx *tx, DaeRequest *req, guint status, const char *workspace_id, const char *subject);
/* workspaces-people.c: GET /api/people. */
DaeReply *people_find (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* workspaces-owner.c: what lost its owner. */
DaeReply *owner_list_lost (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *owner_set (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *agents_show (DaeTx *tx, DaeRequest *req, DaePlugin *self);
DaeReply *agents_set (DaeTx *tx, DaeRequest *req, DaePlugin *self);
/* 422 where nobody knows the agent SLUG (NULL: nothing to check); NULL: go on. */
DaeReply *
agents_refuse_unknown (DaeRequest *req, DaePlugin *self, const char *slug, const char *pointer);

/* workspaces-merge.c */

void people_merge (DaeTx *tx, DaePlugin *self, const char *from, const char *to);
