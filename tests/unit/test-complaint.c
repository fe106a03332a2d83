/* SPDX-License-Identifier: Apache-2.0 */
#include "config/complaint.h"

static Complaints *
sample (void)
{
  Complaints *complaints = complaints_new ();

  complaints_add (complaints, "files", "/etc/daedalus/conf.d/files.conf", 12, "plugin files",
                  "max-upload", "\"10 gigs\" is not a size",
                  "Write a number with K, M, G or T, for example 10G.");
  complaints_add (complaints, "relay", "/usr/lib/daedalus/plugins-1/relay.so", 0, NULL, NULL,
                  "needs service \"agents/1\", which no enabled plugin provides",
                  "Set enabled = true in [plugin agents].");
  complaints_add (complaints, NULL, "environment", 0, NULL, "DAEDALUS_X", "unknown variable", NULL);
  complaints_add (complaints, NULL, "/x.conf", 3, "htpp", NULL, "unknown group",
                  "Did you mean [http]?");
  complaints_add (complaints, NULL, NULL, 0, "http", "base-url", "is required", "Write it.");
  complaints_add (complaints, NULL, NULL, 0, NULL, NULL, "the database cannot be reached", NULL);
  return complaints;
}

static void
test_complaint_text_has_place_why_and_remedy (void)
{
  g_autoptr (Complaints) complaints = sample ();
  g_autofree char *text = complaints_to_text (complaints);

  g_assert_cmpstr (
      text, ==,
      "/etc/daedalus/conf.d/files.conf:12: [plugin files] max-upload: \"10 gigs\" is not a size\n"
      "    Write a number with K, M, G or T, for example 10G.\n"
      "plugin \"relay\": needs service \"agents/1\", which no enabled plugin provides\n"
      "    Set enabled = true in [plugin agents].\n"
      "environment: DAEDALUS_X: unknown variable\n"
      "/x.conf:3: [htpp]: unknown group\n"
      "    Did you mean [http]?\n"
      "[http] base-url: is required\n"
      "    Write it.\n"
      "the database cannot be reached\n");
}

static void
test_complaint_crosses_a_process_unchanged (void)
{
  g_autoptr (Complaints) complaints = sample ();
  g_autoptr (Complaints) copy = complaints_new ();
  g_autoptr (GVariant) variant = g_variant_ref_sink (complaints_to_variant (complaints));

  complaints_add_variant (copy, variant);
  g_assert_cmpuint (complaints_count (copy), ==, complaints_count (complaints));
  for (guint i = 0; i < complaints_count (copy); i++) {
    const Complaint *a = complaints_get (complaints, i), *b = complaints_get (copy, i);

    g_assert_cmpstr (a->plugin, ==, b->plugin);
    g_assert_cmpstr (a->file, ==, b->file);
    g_assert_cmpuint (a->line, ==, b->line);
    g_assert_cmpstr (a->group, ==, b->group);
    g_assert_cmpstr (a->key, ==, b->key);
    g_assert_cmpstr (a->why, ==, b->why);
    g_assert_cmpstr (a->remedy, ==, b->remedy);
  }
}

static void
test_complaint_bad_utf8_becomes_valid_in_a_variant (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Complaints) copy = complaints_new ();
  g_autoptr (GVariant) variant = NULL;

  complaints_add (complaints, NULL, "/tmp/\xff.conf", 1, NULL, NULL, "is \xfe", NULL);
  variant = g_variant_ref_sink (complaints_to_variant (complaints));
  complaints_add_variant (copy, variant);
  g_assert_cmpstr (complaints_get (copy, 0)->file, ==, "/tmp/\xef\xbf\xbd.conf");
  g_assert_cmpstr (complaints_get (copy, 0)->why, ==, "is \xef\xbf\xbd");
}

static void
test_complaint_variant_of_another_type_adds_nothing (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_string ("x"));

  complaints_add_variant (complaints, variant);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/complaint/text-has-place-why-and-remedy",
                   test_complaint_text_has_place_why_and_remedy);
  g_test_add_func ("/complaint/crosses-a-process-unchanged",
                   test_complaint_crosses_a_process_unchanged);
  g_test_add_func ("/complaint/bad-utf8-becomes-valid-in-a-variant",
                   test_complaint_bad_utf8_becomes_valid_in_a_variant);
  g_test_add_func ("/complaint/variant-of-another-type-adds-nothing",
                   test_complaint_variant_of_another_type_adds_nothing);
  return g_test_run ();
}
