/* SPDX-License-Identifier: Apache-2.0 */
/* frontend-coding: which variant of a file to send (RFC 9110, 12.5.3). */
#include "frontend.h"

#include <string.h>

/* The weight of a list's member such as " br ; q=0.5", in thousandths; 1000 without one. */
static guint
coding_weight (const char *member)
{
  const char *semicolon = strchr (member, ';');
  const char *q = semicolon ? semicolon + 1 : NULL;
  double value;

  while (q && (*q == ' ' || *q == '\t'))
    q++;
  if (!q || (*q != 'q' && *q != 'Q') || q[1] != '=')
    return 1000;
  value = g_ascii_strtod (q + 2, NULL);
  return value > 0 ? (guint)(MIN (value, 1.0) * 1000) : 0;
}

static gboolean
coding_is (const char *member, const char *name)
{
  gsize length = strlen (name);

  while (*member == ' ' || *member == '\t')
    member++;
  return g_ascii_strncasecmp (member, name, length) == 0 &&
         (member[length] == 0 || strchr (" \t;", member[length]));
}

/* The weight of NAME in the list ACCEPT, else that of "*", else 0. */
static guint
coding_accepted (char **accept, const char *name)
{
  guint any = 0;

  for (; *accept; accept++) {
    if (coding_is (*accept, name))
      return coding_weight (*accept);
    if (coding_is (*accept, "*"))
      any = coding_weight (*accept);
  }
  return any;
}

FrontendCoding
frontend_choose (const FrontendFile *file, const char *accept)
{
  static const char *const names[] = { [FRONTEND_GZIP] = "gzip", [FRONTEND_BROTLI] = "br" };
  g_auto (GStrv) members = accept ? g_strsplit (accept, ",", 32) : NULL;
  FrontendCoding best = FRONTEND_PLAIN;
  guint best_weight = 0;

  for (guint i = FRONTEND_BROTLI; members && i > FRONTEND_PLAIN; i--) {
    guint weight = file->variants[i].bytes ? coding_accepted (members, names[i]) : 0;

    if (weight > best_weight) {
      best = (FrontendCoding)i;
      best_weight = weight;
    }
  }
  return best;
}
