/* SPDX-License-Identifier: Apache-2.0 */
/* problem: one form for all errors that the host and its plugins answer with. */
#include "problem.h"

#include "json-write.h"

const char *
problem_title (guint status)
{
  static const struct {
    guint status;
    const char *title;
  } titles[] = {
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 499, "Client Left" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 507, "Insufficient Storage" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (titles); i++) {
    if (titles[i].status == status)
      return titles[i].title;
  }
  return status < 500 ? "Request Refused" : "Server Error";
}

GBytes *
problem_write (const Problem *problem)
{
  JsonWriter *json = json_writer_new (NULL);
  gsize length;
  char *text;

  json_write_begin_object (json, NULL);
  json_write_text (json, "type", "about:blank");
  json_write_text (json, "title", problem_title (problem->status));
  json_write_int (json, "status", problem->status);
  if (problem->detail)
    json_write_text (json, "detail", problem->detail);
  json_write_text (json, "code", problem->code);
  json_write_text (json, "request_id", problem->request_id);
  if (problem->sign_in_url)
    json_write_text (json, "sign_in_url", problem->sign_in_url);
  if (problem->errors && problem->errors->len > 0) {
    json_write_begin_array (json, "errors");
    for (guint i = 0; i + 1 < problem->errors->len; i += 2) {
      json_write_begin_object (json, NULL);
      json_write_text (json, "pointer", problem->errors->pdata[i]);
      json_write_text (json, "detail", problem->errors->pdata[i + 1]);
      json_write_end (json);
    }
    json_write_end (json);
  }
  text = json_writer_finish (json, &length);
  return g_bytes_new_take (text, length);
}
