/* SPDX-License-Identifier: Apache-2.0 */
/* test-brief: what goes in comes out, and nobody can change it on the way. */
#include "process/brief.h"

#include <errno.h>
#include <unistd.h>

static void
test_brief_comes_out_as_it_went_in (void)
{
  GPtrArray *sources = g_ptr_array_new ();
  PluginSource one = { (char *)"files", (char *)"/lib/files.so", 7 };
  g_autoptr (GPtrArray) read_back = NULL;
  g_autoptr (GVariant) variant = NULL, listed = NULL;
  GVariantDict dict;
  const PluginSource *source;
  int fd;

  g_ptr_array_add (sources, &one);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "sources", brief_sources_to_variant (sources));
  fd = brief_write (g_variant_dict_end (&dict));
  variant = brief_read (fd);
  listed = g_variant_lookup_value (variant, "sources", NULL);
  read_back = brief_sources_from_variant (listed);
  g_assert_cmpuint (read_back->len, ==, 1);
  source = read_back->pdata[0];
  g_assert_cmpstr (source->name, ==, "files");
  g_assert_cmpstr (source->path, ==, "/lib/files.so");
  g_assert_cmpint (source->fd, ==, 7);
  g_assert_cmpint (pwrite (fd, "x", 1, 0), ==, -1);
  g_assert_cmpint (errno, ==, EPERM);
  close (fd);
  g_ptr_array_unref (sources);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/brief/comes-out-as-it-went-in", test_brief_comes_out_as_it_went_in);
  return g_test_run ();
}
