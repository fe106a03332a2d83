// SPDX-License-Identifier: Apache-2.0
// Short names for what the API speaks of.
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type Activity = Schemas['Activity'];
export type Agent = Schemas['Agent'];
export type AgentHealth = Schemas['AgentHealth'];
export type CallerEvent = Schemas['CallerEvent'];
export type Config = Schemas['Config'];
export type Conversation = Schemas['Conversation'];
export type ConversationEvent = Schemas['ConversationEvent'];
export type ConversationItem = Schemas['ConversationItem'];
export type FileList = Schemas['FileList'];
export type FileSpace = Schemas['FileSpace'];
export type Me = Schemas['Me'];
export type Member = Schemas['Member'];
export type Message = Schemas['Message'];
export type MessageFile = Schemas['MessageFile'];
export type MessageList = Schemas['MessageList'];
export type MessagePosted = Schemas['MessagePosted'];
export type Person = Schemas['Person'];
export type Problem = Schemas['Problem'];
export type StoredFile = Schemas['File'];
export type Token = Schemas['Token'];
export type TokenMade = Schemas['TokenMade'];
export type Turn = Schemas['Turn'];
export type Workspace = Schemas['Workspace'];
export type WorkspaceItem = Schemas['WorkspaceItem'];
