/* SPDX-License-Identifier: Apache-2.0 */
/* replay: runs a target over the files that are named, or standard input, once
 * each: to see a finding again under a debugger, and for AFL++ (afl-clang-fast).
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static int
replay (FILE *file, const char *name)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 part[4096];
  gsize n;

  if (file == NULL) {
    perror (name);
    return 1;
  }
  while ((n = fread (part, 1, sizeof part, file)) > 0)
    g_byte_array_append (bytes, part, (guint)n);
  LLVMFuzzerTestOneInput (bytes->data, bytes->len);
  return 0;
}

int
main (int argc, char **argv)
{
  LLVMFuzzerInitialize (&argc, &argv);
  if (argc < 2)
    return replay (stdin, "standard input");
  for (int i = 1; i < argc; i++) {
    FILE *file = fopen (argv[i], "rb");
    int status = replay (file, argv[i]);

    if (file == NULL || status != 0)
      return 1;
    fclose (file);
  }
  return 0;
}
