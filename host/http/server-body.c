/* SPDX-License-Identifier: Apache-2.0 */
/* server-body: reading what a client sends with its request.
 *
 * The body is read from the wire when somebody asks for it, and no sooner; then
 * also 100 Continue goes out. Framing is checked on the way by http-body.
 */
#include "server-private.h"

#include <string.h>

#define PUMPS_A_TURN 16
#define DISCARD      (64 * 1024) /* of a body that nobody wants */
#define PREPARE      (64 * 1024)

struct ServerInput {
  GInputStream base;
  ServerCall *call; /* borrowed; NULL once the call is over */
  GByteArray *ready;
  guint at;         /* read of it */
  GSource *waiting; /* borrowed: somebody polls */
};

typedef struct {
  GInputStreamClass base;
} ServerInputClass;

typedef struct {
  GSource base;
  ServerInput *input; /* owned */
} ServerInputSource;

static GType server_input_get_type (void);
static void server_input_pollable (GPollableInputStreamInterface *iface);

G_DEFINE_TYPE_WITH_CODE (ServerInput,
                         server_input,
                         G_TYPE_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                server_input_pollable))

static void
server_body_continue (ServerCall *call)
{
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

  call->expect = FALSE;
  wire_conn_write (call->conn, &(WirePart){ text, sizeof text - 1, NULL }, 1);
}

static ServerPump
server_body_large (ServerCall *call)
{
  call->large = TRUE;
  return SERVER_PUMP_LARGE;
}

static ServerPump
server_body_decode (ServerCall *call, const char *bytes, gsize length, GByteArray *into)
{
  HttpBodySlice slice;
  HttpBodyState state;
  gsize at = 0;

  do {
    state = http_body_feed (&call->body, bytes + at, length - at, &slice);
    at += slice.used;
    if (state == HTTP_BODY_DATA)
      g_byte_array_append (into, (const guint8 *)slice.data, (guint)slice.length);
  } while (state == HTTP_BODY_DATA);
  if (state == HTTP_BODY_REFUSED) {
    call->fault = 400;
    return SERVER_PUMP_CUT;
  }
  if (http_body_announced (&call->body) > call->max)
    return server_body_large (call);
  if (state == HTTP_BODY_MORE)
    return SERVER_PUMP_MORE;
  wire_conn_untake (call->conn, bytes + at, length - at);
  return SERVER_PUMP_DONE;
}

/* Appends to INTO what one read of the wire gives. */
static ServerPump
server_body_pump (ServerCall *call, GByteArray *into)
{
  const char *bytes;
  gsize length;

  if (call->body.state == HTTP_BODY_DONE && call->body.seen <= call->max)
    return SERVER_PUMP_DONE;
  if (call->fault != 0 || call->left)
    return SERVER_PUMP_CUT;
  if (http_body_announced (&call->body) > call->max)
    return server_body_large (call);
  switch (wire_conn_take (call->conn, &bytes, &length)) {
  case WIRE_TAKEN:
    call->expect = FALSE;
    return server_body_decode (call, bytes, length, into);
  case WIRE_WOULD_BLOCK:
    if (call->expect)
      server_body_continue (call);
    return SERVER_PUMP_BLOCK;
  default:
    call->left = TRUE;
    wire_conn_wake (call->conn);
    return SERVER_PUMP_CUT;
  }
}

static void
server_body_read_done (ServerCall *call, ServerBodyState state)
{
  void (*done) (ServerCall *, ServerBodyState, GBytes *, gpointer) = g_steal_pointer (&call->done);
  GByteArray *whole = g_steal_pointer (&call->whole);

  wire_conn_wait_body (call->conn, FALSE);
  if (state == SERVER_BODY_OK)
    call->bytes = g_byte_array_free_to_bytes (whole);
  else
    g_byte_array_unref (whole);
  done (call, state, call->bytes, call->done_data);
}

static void
server_body_read_on (ServerCall *call)
{
  for (guint i = 0; i < PUMPS_A_TURN; i++) {
    switch (server_body_pump (call, call->whole)) {
    case SERVER_PUMP_MORE:
      break;
    case SERVER_PUMP_BLOCK:
      wire_conn_wait_body (call->conn, TRUE);
      return;
    case SERVER_PUMP_DONE:
      server_body_read_done (call, SERVER_BODY_OK);
      return;
    case SERVER_PUMP_LARGE:
      server_body_read_done (call, SERVER_BODY_TOO_LARGE);
      return;
    case SERVER_PUMP_CUT:
      server_body_read_done (call, SERVER_BODY_CUT);
      return;
    }
  }
  wire_conn_wake (call->conn);
}

void
server_call_read (
    ServerCall *call,
    gint64 max,
    void (*done) (ServerCall *call, ServerBodyState state, GBytes *body, gpointer data),
    gpointer data)
{
  g_assert (call->done == NULL && call->bytes == NULL && call->input == NULL);
  call->max = max;
  call->done = done;
  call->done_data = data;
  call->whole = g_byte_array_sized_new ((guint)CLAMP (call->body_length, 0, MIN (max, PREPARE)));
  server_body_read_on (call);
}

/* ServerInput: the body as a stream. */

/* Reads ahead where nothing is ready. BLOCK: nothing is there yet. */
static ServerPump
server_input_fill (ServerInput *input)
{
  ServerPump pump;

  if (input->at < input->ready->len)
    return SERVER_PUMP_MORE;
  /* what was thrown away is missing: the rest must not pass for the whole */
  if (input->call == NULL || input->call->discarded)
    return SERVER_PUMP_CUT;
  g_byte_array_set_size (input->ready, 0);
  input->at = 0;
  do
    pump = server_body_pump (input->call, input->ready);
  while (pump == SERVER_PUMP_MORE && input->ready->len == 0);
  wire_conn_wait_body (input->call->conn, pump == SERVER_PUMP_BLOCK);
  if (pump == SERVER_PUMP_DONE && input->ready->len > 0)
    return SERVER_PUMP_MORE;
  return pump;
}

static gssize
server_input_read_nonblocking (GPollableInputStream *base,
                               void *buffer,
                               gsize count,
                               GError **error)
{
  ServerInput *input = (ServerInput *)base;

  if (input->call == NULL) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the request is over");
    return -1;
  }
  switch (server_input_fill (input)) {
  case SERVER_PUMP_MORE:
    count = MIN (count, input->ready->len - input->at);
    memcpy (buffer, input->ready->data + input->at, count);
    input->at += (guint)count;
    return (gssize)count;
  case SERVER_PUMP_DONE:
    return 0;
  case SERVER_PUMP_BLOCK:
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "no more has come yet");
    return -1;
  case SERVER_PUMP_LARGE:
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "the body is too large");
    return -1;
  case SERVER_PUMP_CUT:
    break;
  }
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "the body was cut");
  return -1;
}

static gssize
server_input_read (
    GInputStream *base, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return server_input_read_nonblocking (G_POLLABLE_INPUT_STREAM (base), buffer, count, error);
}

static gboolean
server_input_is_readable (GPollableInputStream *base)
{
  return server_input_fill ((ServerInput *)base) != SERVER_PUMP_BLOCK;
}

static gboolean
server_input_source_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  g_source_set_ready_time (source, -1);
  return func != NULL ? func (data) : G_SOURCE_CONTINUE;
}

static void
server_input_source_finalize (GSource *source)
{
  ServerInput *input = ((ServerInputSource *)source)->input;

  if (input->waiting == source)
    input->waiting = NULL;
  g_object_unref (input);
}

static gboolean
server_input_source_closure (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs server_input_source_funcs = {
  .dispatch = server_input_source_dispatch,
  .finalize = server_input_source_finalize,
  .closure_callback = server_input_source_closure,
};

static GSource *
server_input_create_source (GPollableInputStream *base, GCancellable *cancellable)
{
  ServerInput *input = (ServerInput *)base;
  g_autoptr (GSource) source =
      g_source_new (&server_input_source_funcs, sizeof (ServerInputSource));

  ((ServerInputSource *)source)->input = g_object_ref (input);
  if (input->waiting != NULL)
    g_source_set_ready_time (input->waiting, 0);
  input->waiting = source;
  if (server_input_is_readable (base))
    g_source_set_ready_time (source, 0);
  return g_pollable_source_new_full (base, source, cancellable);
}

static void
server_input_pollable (GPollableInputStreamInterface *iface)
{
  iface->is_readable = server_input_is_readable;
  iface->create_source = server_input_create_source;
  iface->read_nonblocking = server_input_read_nonblocking;
}

static void
server_input_finalize (GObject *object)
{
  g_byte_array_unref (((ServerInput *)object)->ready);
  G_OBJECT_CLASS (server_input_parent_class)->finalize (object);
}

static void
server_input_class_init (ServerInputClass *class)
{
  G_OBJECT_CLASS (class)->finalize = server_input_finalize;
  G_INPUT_STREAM_CLASS (class)->read_fn = server_input_read;
}

static void
server_input_init (ServerInput *input)
{
  input->ready = g_byte_array_new ();
}

static void
server_input_wake (ServerInput *input)
{
  if (input->waiting != NULL)
    g_source_set_ready_time (input->waiting, 0);
}

GInputStream *
server_call_read_stream (ServerCall *call, gint64 max)
{
  if (call->input == NULL) {
    g_assert (call->done == NULL && call->bytes == NULL);
    call->max = max;
    call->input = g_object_new (server_input_get_type (), NULL);
    call->input->call = call;
  }
  return G_INPUT_STREAM (call->input);
}

void
server_body_ready (ServerCall *call)
{
  if (wire_conn_is_slow (call->conn) && call->body.state == HTTP_BODY_MORE && call->fault == 0) {
    wire_conn_wait_body (call->conn, FALSE);
    call->fault = 408;
  }
  if (call->done != NULL)
    server_body_read_on (call);
  else if (call->input != NULL)
    server_input_wake (call->input);
}

gboolean
server_body_discard (ServerCall *call)
{
  g_autoptr (GByteArray) nothing = g_byte_array_new ();
  ServerPump pump = SERVER_PUMP_MORE;

  if (call->body.state == HTTP_BODY_DONE && !call->large)
    return TRUE;
  call->discarded = TRUE;
  call->expect = FALSE;
  /* whether a large body is in already is chance: then the connection ends in any case */
  if (call->large || http_body_announced (&call->body) - call->body.seen > DISCARD)
    return FALSE;
  call->max = call->body.seen + DISCARD;
  for (guint i = 0; i < PUMPS_A_TURN && pump == SERVER_PUMP_MORE; i++) {
    pump = server_body_pump (call, nothing);
    g_byte_array_set_size (nothing, 0);
  }
  if (call->input != NULL)
    server_input_wake (call->input);
  return pump == SERVER_PUMP_DONE;
}

void
server_body_end (ServerCall *call)
{
  if (call->done != NULL)
    server_body_read_done (call, SERVER_BODY_CUT);
  if (call->input != NULL) {
    call->input->call = NULL;
    server_input_wake (call->input);
    g_clear_object (&call->input);
  }
  g_clear_pointer (&call->bytes, g_bytes_unref);
}

guint
server_call_body_fault (ServerCall *call)
{
  return call->fault;
}
