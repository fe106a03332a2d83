/* SPDX-License-Identifier: Apache-2.0 */
/* identity/1: who sends a request. The host asks it before a byte of the body is read. */
#pragma once

#include "../dae-types.h"

G_BEGIN_DECLS

/* Called exactly once on the loop. USER is borrowed for the call and copied by the host; NULL: the
 * request is nobody's. REFUSAL, where not NULL, is the answer to give instead of 401: a doubled
 * identity header is 400, an outage 503. */
typedef void (*DaeIdentified) (DaeRequest *req, const DaeUser *user, DaeReply *refusal, gpointer data);

typedef struct {
  guint32 struct_size;
  /* L: finds out who sends REQ (borrowed until DONE; dae_request_user is NULL meanwhile). */
  void (*identify) (DaePlugin *provider, DaeRequest *req, DaeIdentified done, gpointer data);
  /* P: where a browser can sign in and out; borrowed; NULL: nowhere. */
  const char *(*sign_in_url) (DaePlugin *provider);
  const char *(*sign_out_url) (DaePlugin *provider);
  /* P: value of WWW-Authenticate on a 401; borrowed. */
  const char *(*challenge) (DaePlugin *provider);
  /* L: the same for REQ, where that makes a difference; owned. */
  char *(*challenge_for) (DaePlugin *provider, DaeRequest *req);
} DaeIdentity1;

G_END_DECLS
