/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/common/jsonrpc.h"
#include "stub-plugin.h"

#include <string.h>

static void
test_jsonrpc_messages_are_told_apart (void)
{
  static const struct {
    const char *text;
    JsonrpcKind kind;
    gint64 number;
  } rows[] = {
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", JSONRPC_REQUEST, 1 },
    { "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\",\"params\":{}}", JSONRPC_REQUEST, -1 },
    { "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":null}", JSONRPC_NOTIFICATION,
      -1 },
    { "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":[1]}", JSONRPC_NOTIFICATION,
      -1 },
    { "{\"result\":{},\"jsonrpc\":\"2.0\",\"id\":9007199254740993}", JSONRPC_RESULT,
      9007199254740993 },
    { "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-1,\"message\":\"m\"}}", JSONRPC_ERROR,
      -1 },
    { "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{}}", JSONRPC_ERROR, 2 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonrpcMessage) message =
        jsonrpc_parse (stub_plugin (), rows[i].text, strlen (rows[i].text), &error);

    if (message == NULL || message->kind != rows[i].kind)
      g_test_message ("text %s", rows[i].text);
    g_assert_no_error (error);
    g_assert_cmpint (message->kind, ==, rows[i].kind);
    g_assert_cmpint (message->number, ==, rows[i].number);
    if (message->kind == JSONRPC_ERROR)
      g_assert_nonnull (message->message);
  }
}

static void
test_jsonrpc_what_is_no_message_is_refused (void)
{
  static const struct {
    const char *text;
    gint code;
  } rows[] = {
    { "", G_IO_ERROR_INVALID_DATA },
    { "{", G_IO_ERROR_INVALID_DATA },
    { "{\"jsonrpc\": \"2.0\", oh no", G_IO_ERROR_INVALID_DATA },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"result\":{}}", G_IO_ERROR_INVALID_DATA },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"\\ud800\"}}", G_IO_ERROR_INVALID_DATA },
    { "\xff", G_IO_ERROR_INVALID_DATA },
    { "[]", G_IO_ERROR_INVALID_ARGUMENT },
    { "1", G_IO_ERROR_INVALID_ARGUMENT },
    { "{}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"id\":1,\"result\":{}}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":{}}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"jsonrpc\":\"2.0\",\"result\":{}}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"x\"}", G_IO_ERROR_INVALID_ARGUMENT },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":3}", G_IO_ERROR_INVALID_ARGUMENT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    JsonrpcMessage *message =
        jsonrpc_parse (stub_plugin (), rows[i].text, strlen (rows[i].text), &error);

    if (message != NULL)
      g_test_message ("text %s", rows[i].text);
    g_assert_null (message);
    g_assert_error (error, G_IO_ERROR, rows[i].code);
  }
}

static void
test_jsonrpc_deep_nests_do_not_reach_the_parser (void)
{
  g_autoptr (GString) deep = g_string_new ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 100000; i++)
    g_string_append_c (deep, '[');
  g_assert_null (jsonrpc_parse (stub_plugin (), deep->str, deep->len, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_jsonrpc_what_is_written_can_be_read (void)
{
  static const char *const texts[] = { "",
                                       "plain",
                                       "\"quoted\"\\",
                                       "line\nbreak\ttab",
                                       "gr\xc3\xbc\xc3\x9f\xf0\x9f\x99\x82",
                                       "\x01\x1f\x7f",
                                       "</script>" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    JsonObject *params = json_object_new ();
    g_autofree char *text = NULL;
    g_autofree char *answer = NULL;
    g_autoptr (JsonrpcMessage) asked = NULL;
    g_autoptr (JsonrpcMessage) refused = NULL;

    json_object_set_string_member (params, "message", texts[i]);
    text = jsonrpc_request (41, "tools/call", params);
    asked = jsonrpc_parse (stub_plugin (), text, strlen (text), NULL);
    g_assert_nonnull (asked);
    g_assert_cmpstr (jsonrpc_text (asked->params, "message"), ==, texts[i]);
    answer = jsonrpc_error (asked->id, -32601, texts[i]);
    refused = jsonrpc_parse (stub_plugin (), answer, strlen (answer), NULL);
    g_assert_nonnull (refused);
    g_assert_cmpint (refused->number, ==, 41);
    g_assert_cmpint (refused->code, ==, -32601);
    g_assert_cmpstr (refused->message, ==, texts[i]);
  }
}

static void
test_jsonrpc_ids_of_text_come_back_as_text (void)
{
  static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"method\":\"ping\"}";
  g_autoptr (JsonrpcMessage) message = jsonrpc_parse (stub_plugin (), text, strlen (text), NULL);
  g_autofree char *answer = jsonrpc_result (message->id, json_object_new ());

  g_assert_nonnull (strstr (answer, "\"id\":\"7\""));
}

static void
test_jsonrpc_members_of_another_type_are_absent (void)
{
  static const char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{\"n\":1,\"t\":"
                             "\"s\",\"o\":{},\"l\":[1,{}],\"b\":true,\"z\":null}}";
  g_autoptr (JsonrpcMessage) message = jsonrpc_parse (stub_plugin (), text, strlen (text), NULL);
  JsonObject *params = message->params;

  g_assert_null (jsonrpc_text (params, "n"));
  g_assert_null (jsonrpc_text (params, "z"));
  g_assert_null (jsonrpc_text (params, "gone"));
  g_assert_null (jsonrpc_text (NULL, "t"));
  g_assert_null (jsonrpc_object (params, "l"));
  g_assert_null (jsonrpc_list (params, "o"));
  g_assert_cmpfloat (jsonrpc_number (params, "t", 5), ==, 5);
  g_assert_cmpfloat (jsonrpc_number (params, "n", 5), ==, 1);
  g_assert_false (jsonrpc_truth (params, "n"));
  g_assert_true (jsonrpc_truth (params, "b"));
  g_assert_null (jsonrpc_list_object (jsonrpc_list (params, "l"), 0));
  g_assert_nonnull (jsonrpc_list_object (jsonrpc_list (params, "l"), 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jsonrpc/messages-are-told-apart", test_jsonrpc_messages_are_told_apart);
  g_test_add_func ("/jsonrpc/what-is-no-message-is-refused",
                   test_jsonrpc_what_is_no_message_is_refused);
  g_test_add_func ("/jsonrpc/deep-nests-do-not-reach-the-parser",
                   test_jsonrpc_deep_nests_do_not_reach_the_parser);
  g_test_add_func ("/jsonrpc/what-is-written-can-be-read",
                   test_jsonrpc_what_is_written_can_be_read);
  g_test_add_func ("/jsonrpc/ids-of-text-come-back-as-text",
                   test_jsonrpc_ids_of_text_come_back_as_text);
  g_test_add_func ("/jsonrpc/members-of-another-type-are-absent",
                   test_jsonrpc_members_of_another_type_are_absent);
  return g_test_run ();
}
