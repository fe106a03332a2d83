/* SPDX-License-Identifier: Apache-2.0 */
/* hub: event streams that are open: thousands of sockets that mostly wait.
 *
 * A stream comes here when the head of its answer has left and nothing of its
 * request is still to be read. From then on it is a descriptor and a few words:
 * no timer, no source, and a queue only while its reader is slow. All of them
 * live in one epoll descriptor, and one tick writes the comments that tell
 * proxies and readers of a silent stream that it is alive. Loop only.
 */
#pragma once

#include <gio/gio.h>

#include "http-body.h"

typedef struct Hub Hub;
typedef struct HubStream HubStream;

/* Neither is ever called from inside one of the functions below, but for hub_cut. */
typedef struct {
  /* The reader has left, or has not taken a byte for too long. STREAM is dead afterwards. */
  void (*gone) (HubStream *stream, gpointer data);
  /* The queue has become empty again. */
  void (*drained) (HubStream *stream, gpointer data);
} HubHooks;

typedef struct {
  guint silence_ms; /* a comment after so long without a write */
  guint stall_ms;   /* without the reader taking a byte of what is queued */
} HubLimits;

#define HUB_LIMITS_DEFAULT ((HubLimits){ 15000, 30000 })

Hub *hub_new (HubLimits limits, const HubHooks *hooks);
/* Takes FD, a connected socket that does not block, whose answer has begun in FRAMING: chunks, or
 * up to the end of the connection. SENT: bytes of the answer that have left already. */
HubStream *hub_add (Hub *hub, int fd, HttpFraming framing, gint64 sent);
void hub_set_data (HubStream *stream, gpointer data);
guint hub_count (const Hub *hub);
/* Tells all that their readers are gone. */
void hub_cut (Hub *hub);
void hub_free (Hub *hub);

/* BYTES may go to many streams. FALSE: more than 1 MiB would be queued; nothing was taken. */
gboolean hub_write (HubStream *stream, GBytes *bytes);
gsize hub_queued (const HubStream *stream);
gint64 hub_sent (const HubStream *stream); /* bytes of the answer, with what is queued */
/* Sends what is queued and the end of the answer, then closes. The handle is dead at once. */
void hub_end (HubStream *stream);
/* Closes so that the reader sees that the answer is incomplete. The same. */
void hub_abort (HubStream *stream);
