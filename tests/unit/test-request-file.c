/* SPDX-License-Identifier: Apache-2.0 */
/* What a request for a file that is sent as a stream is to get. */
#include "http/request.h"

#define TAG "\"abc\""

typedef struct {
  const char *method, *name, *value, *name2, *value2;
  gint64 total;
  guint status;
  gint64 first, length;
} Row;

static void
check (const Row *row)
{
  static DaeApi api;
  ServerHeader headers[] = { { row->name, row->value }, { row->name2, row->value2 } };
  RequestHead head = { .id = "request-1",
                       .method = row->method,
                       .target = "/",
                       .host = "here:8000",
                       .peer = "127.0.0.1",
                       .headers = headers,
                       .n_headers = row->name2  ? 2
                                    : row->name ? 1
                                                : 0 };
  Request *request;
  gint64 first = -1, length = -1;

  if (!api.request_ref)
    request_fill_api (&api);
  request = request_new (NULL, &api, &head);
  g_test_message ("%s %s: %s", row->method, row->name ? row->name : "-",
                  row->value ? row->value : "-");
  g_assert_cmpuint (dae_request_file (&request->base, TAG, row->total, &first, &length), ==,
                    row->status);
  if (row->status == 200 || row->status == 206) {
    g_assert_cmpint (first, ==, row->first);
    g_assert_cmpint (length, ==, row->length);
  }
  dae_request_unref (&request->base);
}

static void
test_request_file_comes_to (void)
{
  static const Row rows[] = {
    { "GET", NULL, NULL, NULL, NULL, 1000, 200, 0, 1000 },
    { "HEAD", NULL, NULL, NULL, NULL, 1000, 200, 0, 1000 },
    { "GET", NULL, NULL, NULL, NULL, 0, 200, 0, 0 },
    { "GET", "Range", "bytes=10-19", NULL, NULL, 1000, 206, 10, 10 },
    { "GET", "Range", "bytes=-5", NULL, NULL, 1000, 206, 995, 5 },
    { "GET", "Range", "bytes=990-", NULL, NULL, 1000, 206, 990, 10 },
    { "GET", "Range", "bytes=1000-", NULL, NULL, 1000, 416, 0, 0 },
    { "GET", "Range", "bytes=0-", NULL, NULL, 0, 416, 0, 0 },
    { "GET", "Range", "bytes=0-1,3-4", NULL, NULL, 1000, 200, 0, 1000 },
    { "GET", "Range", "lines=0-1", NULL, NULL, 1000, 200, 0, 1000 },
    { "HEAD", "Range", "bytes=10-19", NULL, NULL, 1000, 200, 0, 1000 },
    { "GET", "Range", "bytes=10-19", "If-Range", TAG, 1000, 206, 10, 10 },
    { "GET", "Range", "bytes=10-19", "If-Range", "\"old\"", 1000, 200, 0, 1000 },
    { "GET", "Range", "bytes=10-19", "If-Range", "W/" TAG, 1000, 200, 0, 1000 },
    { "GET", "Range", "bytes=2000-", "If-Range", "\"old\"", 1000, 200, 0, 1000 },
    { "GET", "If-None-Match", TAG, NULL, NULL, 1000, 304, 0, 0 },
    { "HEAD", "If-None-Match", "\"x\", " TAG, NULL, NULL, 1000, 304, 0, 0 },
    { "GET", "If-None-Match", "\"x\"", NULL, NULL, 1000, 200, 0, 1000 },
    { "GET", "If-Match", "\"x\"", NULL, NULL, 1000, 412, 0, 0 },
    { "GET", "If-Match", TAG, NULL, NULL, 1000, 200, 0, 1000 },
    /* conditions come before ranges */
    { "GET", "Range", "bytes=10-19", "If-None-Match", TAG, 1000, 304, 0, 0 },
    { "GET", "Range", "bytes=2000-", "If-Match", "\"x\"", 1000, 412, 0, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/request-file/comes-to", test_request_file_comes_to);
  return g_test_run ();
}
