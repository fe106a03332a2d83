/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and queries against their rows: each fault with its pointer, all at once. */
#include "http/members.h"

#include <string.h>

#define ID "0191b0a4-7c1e-7abc-8def-0123456789ab"

static const DaeMember rows[] = {
  { .name = "title", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 5 },
  { .name = "note", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_MULTILINE | DAE_MEMBER_NULLABLE },
  { .name = "count", .type = DAE_MEMBER_INT, .min = 1, .max = 200 },
  { .name = "on", .type = DAE_MEMBER_BOOL },
  { .name = "id", .type = DAE_MEMBER_UUID },
  { .name = "agent", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
  { .name = "role", .type = DAE_MEMBER_CHOICE, .choices = "owner|editor" },
  { .name = "ids", .type = DAE_MEMBER_UUID_LIST, .max = 3 },
  { .name = "tags", .type = DAE_MEMBER_TEXT_LIST, .min = 1, .max = 3 },
  { .name = "any", .type = DAE_MEMBER_JSON, .max = 20 },
  { .name = "big", .type = DAE_MEMBER_INT },
};

typedef struct {
  Arena arena;
  guint8 first[64];
  MemberValue values[G_N_ELEMENTS (rows)];
  GPtrArray *faults;
} Checked;

static void
checked_clear (Checked *checked)
{
  g_ptr_array_unref (checked->faults);
  arena_clear (&checked->arena);
}

static void
check_body (Checked *checked, const char *text)
{
  arena_init (&checked->arena, checked->first, sizeof checked->first);
  checked->faults = g_ptr_array_new ();
  members_check_body (&checked->arena, text, rows, G_N_ELEMENTS (rows), checked->values,
                      checked->faults);
}

static void
check_query (Checked *checked, const char *query)
{
  arena_init (&checked->arena, checked->first, sizeof checked->first);
  checked->faults = g_ptr_array_new ();
  members_check_query (&checked->arena, query, rows, G_N_ELEMENTS (rows), checked->values,
                       checked->faults);
}

/* "pointer detail; pointer detail" */
static char *
faults_text (const Checked *checked)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < checked->faults->len; i += 2)
    g_string_append_printf (text, "%s%s %s", i > 0 ? "; " : "",
                            (const char *)checked->faults->pdata[i],
                            (const char *)checked->faults->pdata[i + 1]);
  return g_string_free (text, FALSE);
}

static const MemberValue *
value_of (const Checked *checked, const char *name)
{
  return members_find (rows, G_N_ELEMENTS (rows), checked->values, name);
}

static void
test_members_keep_typed_values (void)
{
  Checked checked;

  check_body (&checked, "{\"title\":\" \\u00e9\\n\", \"note\":null}");
  g_assert_cmpuint (checked.faults->len, ==, 2);
  checked_clear (&checked);

  check_body (
      &checked,
      "{ \"title\" : \" \\u00e9 \" ,\"note\":null,\"count\":200,\"on\":true,"
      "\"id\":\"0191B0A4-7C1E-7ABC-8DEF-0123456789AB\",\"agent\":\"a.b\",\"role\":\"editor\","
      "\"ids\":[\"" ID "\"],\"tags\":[\"a\",\"b c\"],\"any\":{\"x\":[1,null]},\"big\":-0}");
  g_assert_cmpuint (checked.faults->len, ==, 0);
  g_assert_cmpstr (value_of (&checked, "title")->text, ==, " \xc3\xa9 ");
  g_assert_cmpint (value_of (&checked, "note")->state, ==, MEMBER_IS_NULL);
  g_assert_cmpint (value_of (&checked, "count")->number, ==, 200);
  g_assert_cmpint (value_of (&checked, "on")->number, ==, 1);
  g_assert_cmpstr (value_of (&checked, "id")->text, ==, ID);
  g_assert_cmpstr (value_of (&checked, "agent")->text, ==, "a.b");
  g_assert_cmpstr (value_of (&checked, "role")->text, ==, "editor");
  g_assert_cmpstr (value_of (&checked, "ids")->list[0], ==, ID);
  g_assert_null (value_of (&checked, "ids")->list[1]);
  g_assert_cmpstr (value_of (&checked, "tags")->list[1], ==, "b c");
  g_assert_cmpstr (value_of (&checked, "any")->text, ==, "{\"x\":[1,null]}");
  g_assert_cmpint (value_of (&checked, "big")->number, ==, 0);
  g_assert_null (value_of (&checked, "other"));
  checked_clear (&checked);

  check_body (&checked, "{\"title\":\"x\",\"note\":\"a\\n\\tb\",\"any\":null,\"agent\":null}");
  g_assert_cmpuint (checked.faults->len, ==, 0);
  g_assert_cmpstr (value_of (&checked, "any")->text, ==, "null");
  g_assert_cmpint (value_of (&checked, "agent")->state, ==, MEMBER_IS_NULL);
  g_assert_cmpint (value_of (&checked, "count")->state, ==, MEMBER_ABSENT);
  checked_clear (&checked);
}

static void
test_members_name_each_fault (void)
{
  static const struct {
    const char *text, *faults;
  } cases[] = {
    { "[]", " must be an object" },
    { "{}", "/title is missing" },
    { "{\"title\":\"\"}", "/title must not be empty" },
    { "{\"title\":\" \\u00a0 \"}", "/title must not be empty" },
    { "{\"title\":\"123456\"}", "/title must have 1 to 5 characters" },
    { "{\"title\":\"\\ud83d\\ude00\\ud83d\\ude00\\ud83d\\ude00\\ud83d\\ude00\\ud83d\\ude00\"}",
      "" },
    { "{\"title\":\"a\\tb\"}", "/title must not hold tabs" },
    { "{\"title\":\"a\\nb\"}", "/title must not hold line breaks" },
    { "{\"title\":\"a\x7f\"}", "/title must not hold control characters" },
    { "{\"title\":\"a\\u0085\"}", "/title must not hold control characters" },
    { "{\"title\":\"a\",\"note\":\"\\u001b\"}", "/note must not hold control characters" },
    { "{\"title\":5}", "/title must be a string" },
    { "{\"title\":null}", "/title must not be null" },
    { "{\"title\":\"a\",\"count\":0}", "/count must be 1 to 200" },
    { "{\"title\":\"a\",\"count\":1.0}", "/count must be an integer" },
    { "{\"title\":\"a\",\"count\":1e2}", "/count must be an integer" },
    { "{\"title\":\"a\",\"count\":\"1\"}", "/count must be an integer" },
    { "{\"title\":\"a\",\"on\":1}", "/on must be true or false" },
    { "{\"title\":\"a\",\"id\":\"x\"}", "/id must be a UUID" },
    { "{\"title\":\"a\",\"agent\":\"-x\"}",
      "/agent must be 1 to 100 of a-z, 0-9, '.', '_' and '-', a letter or digit first" },
    { "{\"title\":\"a\",\"role\":\"own\"}", "/role must be one of owner, editor" },
    { "{\"title\":\"a\",\"role\":\"owner|editor\"}", "/role must be one of owner, editor" },
    { "{\"title\":\"a\",\"ids\":{}}", "/ids must be an array" },
    { "{\"title\":\"a\",\"ids\":[\"" ID "\",5,\"x\"]}",
      "/ids/1 must be a string; /ids/2 must be a UUID" },
    { "{\"title\":\"a\",\"ids\":[\"" ID "\",\"0191B0A4-7C1E-7ABC-8DEF-0123456789AB\"]}",
      "/ids/1 appears twice" },
    { "{\"title\":\"a\",\"tags\":[]}", "/tags must have at least 1 items" },
    { "{\"title\":\"a\",\"tags\":[\"\",\" \",\"x\",\"y\"]}",
      "/tags/0 must have 1 to 200 characters; /tags/1 must not be empty; /tags must have at most 3 "
      "items" },
    { "{\"title\":\"a\",\"any\":\"0123456789012345678901\"}", "/any must have 0 to 20 bytes" },
    { "{\"a/b~c\":1,\"title\":7,\"count\":-1,\"\\u00e9\":[{\"title\":\"x\"}]}",
      "/a~1b~0c is not a known member; /title must be a string; /count must be 1 to 200; "
      "/\xc3\xa9 is not a known member" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = NULL;
    Checked checked;

    g_test_message ("case %u", i);
    check_body (&checked, cases[i].text);
    text = faults_text (&checked);
    g_assert_cmpstr (text, ==, cases[i].faults);
    checked_clear (&checked);
  }
}

static void
test_members_bound_their_faults (void)
{
  g_autoptr (GString) text = g_string_new ("{");
  Checked checked;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "\"%0500u\":1,", i);
  g_string_append (text, "\"title\":\"a\"}");
  check_body (&checked, text->str);
  g_assert_cmpuint (checked.faults->len, ==, 100);
  g_assert_cmpuint (strlen (checked.faults->pdata[0]), <, 210);
  checked_clear (&checked);
}

static void
test_members_read_queries (void)
{
  Checked checked;

  check_query (&checked,
               "title=a+b%2B&x=%zz&count=12&on=false&ids=" ID "&tags=a%2Cb,c&role=owner&&=&note");
  g_assert_cmpuint (checked.faults->len, ==, 0);
  g_assert_cmpstr (value_of (&checked, "title")->text, ==, "a b+");
  g_assert_cmpint (value_of (&checked, "count")->number, ==, 12);
  g_assert_cmpint (value_of (&checked, "on")->number, ==, 0);
  g_assert_cmpstr (value_of (&checked, "ids")->text, ==, ID);
  g_assert_cmpstr (value_of (&checked, "tags")->text, ==, "a,b,c");
  g_assert_cmpstr (value_of (&checked, "tags")->list[2], ==, "c");
  g_assert_cmpstr (value_of (&checked, "note")->text, ==, "");
  checked_clear (&checked);
}

static void
test_members_name_faults_of_queries (void)
{
  static const struct {
    const char *query, *faults;
  } cases[] = {
    { NULL, "?title is missing" },
    { "title=a&title=a", "?title appears twice" },
    { "title=a&ti%74le=b", "?title appears twice" },
    { "title=%", "?title is not UTF-8 in percent-encoding" },
    { "title=%00", "?title is not UTF-8 in percent-encoding" },
    { "title=%ff", "?title is not UTF-8 in percent-encoding" },
    { "title=%0a", "?title must not hold line breaks" },
    { "title=a&count=", "?count must be an integer" },
    { "title=a&count=201", "?count must be 1 to 200" },
    { "title=a&count=+1", "?count must be an integer" },
    { "title=a&on=1", "?on must be true or false" },
    { "title=a&ids=x," ID, "?ids/0 must be a UUID" },
    { "title=a&any={", "?any must be JSON" },
    { "count=0&id=", "?count must be 1 to 200; ?id must be a UUID; ?title is missing" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = NULL;
    Checked checked;

    g_test_message ("case %u", i);
    check_query (&checked, cases[i].query);
    text = faults_text (&checked);
    g_assert_cmpstr (text, ==, cases[i].faults);
    checked_clear (&checked);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/members/keep-typed-values", test_members_keep_typed_values);
  g_test_add_func ("/members/name-each-fault", test_members_name_each_fault);
  g_test_add_func ("/members/bound-their-faults", test_members_bound_their_faults);
  g_test_add_func ("/members/read-queries", test_members_read_queries);
  g_test_add_func ("/members/name-faults-of-queries", test_members_name_faults_of_queries);
  return g_test_run ();
}
