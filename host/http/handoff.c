/* SPDX-License-Identifier: Apache-2.0 */
/* handoff: the stream that libsoup sees.
 *
 * libsoup 3.2 runs a request from head to close without returning to the loop
 * as long as its stream neither blocks nor waits; this one does neither.
 */
#include "handoff.h"

typedef struct {
  GOutputStream base;
  HandoffAnswer *answer; /* borrowed, or NULL once detached */
} HandoffOutput;

typedef struct {
  GOutputStreamClass base;
} HandoffOutputClass;

typedef struct {
  GIOStream base;
  GInputStream *input;
  HandoffOutput *output;
} HandoffStream;

typedef struct {
  GIOStreamClass base;
} HandoffStreamClass;

static GType handoff_output_get_type (void);
static GType handoff_stream_get_type (void);
static void handoff_output_pollable (GPollableOutputStreamInterface *iface);

G_DEFINE_TYPE_WITH_CODE (HandoffOutput,
                         handoff_output,
                         G_TYPE_OUTPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                handoff_output_pollable))
G_DEFINE_TYPE (HandoffStream, handoff_stream, G_TYPE_IO_STREAM)

static gssize
handoff_output_write (GOutputStream *stream,
                      const void *buffer,
                      gsize count,
                      GCancellable *cancellable,
                      GError **error)
{
  HandoffAnswer *answer = ((HandoffOutput *)stream)->answer;

  if (answer == NULL) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the answer is over");
    return -1;
  }
  if (answer->body != NULL) {
    gsize size;
    const char *data = g_bytes_get_data (answer->body, &size);

    if ((const char *)buffer == data + answer->body_used && count <= size - answer->body_used) {
      answer->body_used += count;
      return (gssize)count;
    }
  }
  g_string_append_len (answer->head, buffer, (gssize)count);
  return (gssize)count;
}

static gssize
handoff_output_write_nonblocking (GPollableOutputStream *stream,
                                  const void *buffer,
                                  gsize count,
                                  GError **error)
{
  return handoff_output_write (G_OUTPUT_STREAM (stream), buffer, count, NULL, error);
}

static gboolean
handoff_output_is_writable (GPollableOutputStream *stream)
{
  return TRUE;
}

static GSource *
handoff_output_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  g_autoptr (GSource) now = g_timeout_source_new (0);

  return g_pollable_source_new_full (stream, now, cancellable);
}

static void
handoff_output_pollable (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = handoff_output_is_writable;
  iface->create_source = handoff_output_create_source;
  iface->write_nonblocking = handoff_output_write_nonblocking;
}

static void
handoff_output_class_init (HandoffOutputClass *class)
{
  G_OUTPUT_STREAM_CLASS (class)->write_fn = handoff_output_write;
}

static void
handoff_output_init (HandoffOutput *output)
{
}

static GInputStream *
handoff_stream_input (GIOStream *base)
{
  return ((HandoffStream *)base)->input;
}

static GOutputStream *
handoff_stream_output (GIOStream *base)
{
  return G_OUTPUT_STREAM (((HandoffStream *)base)->output);
}

static gboolean
handoff_stream_close (GIOStream *base, GCancellable *cancellable, GError **error)
{
  HandoffOutput *output = ((HandoffStream *)base)->output;

  if (output->answer != NULL)
    output->answer->closed = TRUE;
  return TRUE;
}

static void
handoff_stream_finalize (GObject *object)
{
  HandoffStream *stream = (HandoffStream *)object;

  stream->output->answer = NULL;
  g_object_unref (stream->input);
  g_object_unref (stream->output);
  G_OBJECT_CLASS (handoff_stream_parent_class)->finalize (object);
}

static void
handoff_stream_class_init (HandoffStreamClass *class)
{
  G_OBJECT_CLASS (class)->finalize = handoff_stream_finalize;
  G_IO_STREAM_CLASS (class)->get_input_stream = handoff_stream_input;
  G_IO_STREAM_CLASS (class)->get_output_stream = handoff_stream_output;
  G_IO_STREAM_CLASS (class)->close_fn = handoff_stream_close;
}

static void
handoff_stream_init (HandoffStream *stream)
{
}

GIOStream *
handoff_new (const char *request, gsize length, HandoffAnswer *answer)
{
  HandoffStream *stream = g_object_new (handoff_stream_get_type (), NULL);

  stream->input = g_memory_input_stream_new_from_data (request, (gssize)length, NULL);
  stream->output = g_object_new (handoff_output_get_type (), NULL);
  stream->output->answer = answer;
  return G_IO_STREAM (stream);
}

void
handoff_detach (GIOStream *stream)
{
  ((HandoffStream *)stream)->output->answer = NULL;
}
