/* SPDX-License-Identifier: Apache-2.0 */
#include "../../plugins/agents/agents-capability.c"

static const guint8 key[32] = { 1, 2, 3 };
static const guint8 other_key[32] = { 1, 2, 4 };

#define WORKSPACE    "01930000-0000-7000-8000-000000000001"
#define CONVERSATION "01930000-0000-7000-8000-000000000002"

static void
test_capability_says_for_whom (void)
{
  static const char *const subjects[] = { "anna", "anna@example.org", "a|b", "gr\xc3\xbc\xc3\x9f",
                                          "" };

  for (gsize i = 0; i < G_N_ELEMENTS (subjects); i++) {
    g_autofree char *token =
        capability_make (key, "librarian", subjects[i], WORKSPACE, CONVERSATION, 1000);
    DaeCapability read;

    g_assert_true (capability_check (key, "librarian", token, 999, &read));
    g_assert_cmpstr (read.subject, ==, subjects[i]);
    g_assert_cmpstr (read.workspace_id, ==, WORKSPACE);
    g_assert_cmpstr (read.conversation_id, ==, CONVERSATION);
    g_assert_cmpint (read.expires_at, ==, 1000);
  }
}

static void
test_capability_holds_for_one_agent_one_key_and_a_while (void)
{
  g_autofree char *token = capability_make (key, "librarian", "anna", WORKSPACE, NULL, 1000);
  DaeCapability read = { .subject = "untouched" };

  g_assert_false (capability_check (other_key, "librarian", token, 1, &read));
  g_assert_false (capability_check (key, "other", token, 1, &read));
  g_assert_false (capability_check (key, "librarian", token, 1000, &read));
  g_assert_cmpstr (read.subject, ==, "untouched");
}

static void
test_capability_any_changed_byte_is_refused (void)
{
  g_autofree char *token =
      capability_make (key, "librarian", "anna", WORKSPACE, CONVERSATION, 1000);
  DaeCapability read;

  for (gsize i = 0; token[i] != '\0'; i++) {
    for (guint bit = 0; bit < 7; bit++) {
      g_autofree char *changed = g_strdup (token);

      changed[i] = (char)(changed[i] ^ (1 << bit));
      /* the last letter of a base64 text has bits that mean nothing */
      if (token[i + 1] == '\0' || changed[i] == '\0')
        continue;
      g_assert_false (capability_check (key, "librarian", changed, 1, &read));
    }
  }
}

static void
test_capability_any_cut_is_refused (void)
{
  g_autofree char *token =
      capability_make (key, "librarian", "anna", WORKSPACE, CONVERSATION, 1000);
  DaeCapability read;

  for (gsize n = 0; n < strlen (token); n++) {
    g_autofree char *cut = g_strndup (token, n);

    g_assert_false (capability_check (key, "librarian", cut, 1, &read));
  }
}

static void
test_capability_nonsense_is_refused (void)
{
  g_autofree char *large = g_strnfill (100000, 'A');
  const char *const rows[] = { NULL,        "",          ".",   "..",           "a.b",
                               "====.====", "AAAA.AAAA", large, "\xff\xfe.\xff" };
  DaeCapability read;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_false (capability_check (key, "librarian", rows[i], 1, &read));
}

static void
test_capability_fields_cannot_be_smuggled (void)
{
  /* signed by us, but with a line feed or too long where it does not belong */
  g_autofree char *large = g_strnfill (256, 'x');
  g_autofree char *feed =
      capability_make (key, "librarian", "anna\nroot", WORKSPACE, CONVERSATION, 1000);
  g_autofree char *long_subject =
      capability_make (key, "librarian", large, WORKSPACE, CONVERSATION, 1000);
  g_autofree char *long_id =
      capability_make (key, "librarian", "anna", WORKSPACE "0", CONVERSATION, 1000);
  DaeCapability read;

  g_assert_false (capability_check (key, "librarian", feed, 1, &read));
  g_assert_false (capability_check (key, "librarian", long_subject, 1, &read));
  g_assert_false (capability_check (key, "librarian", long_id, 1, &read));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/capability/says-for-whom", test_capability_says_for_whom);
  g_test_add_func ("/capability/holds-for-one-agent-one-key-and-a-while",
                   test_capability_holds_for_one_agent_one_key_and_a_while);
  g_test_add_func ("/capability/any-changed-byte-is-refused",
                   test_capability_any_changed_byte_is_refused);
  g_test_add_func ("/capability/any-cut-is-refused", test_capability_any_cut_is_refused);
  g_test_add_func ("/capability/nonsense-is-refused", test_capability_nonsense_is_refused);
  g_test_add_func ("/capability/fields-cannot-be-smuggled",
                   test_capability_fields_cannot_be_smuggled);
  return g_test_run ();
}
