/* SPDX-License-Identifier: Apache-2.0 */
/* frontend-coding: which variant of a file to send (RFC 9110, 12.5.3). */
#include "frontend.h"

#include <string.h>

#define CODING_UNSAID G_MAXUINT

/* The weight in the parameters at TEXT such as "; q=0.5", in thousandths; 1000 without one. */
static guint
coding_weight (const char *text, const char *end)
{
  guint weight = 0, scale = 1000;

  while (text < end && strchr ("; \t", *text))
    text++;
  if (end - text < 3 || (*text != 'q' && *text != 'Q') || text[1] != '=')
    return 1000;
  for (text += 2; text < end && scale > 0; text++) {
    if (*text == '.' && scale == 1000) {
      scale = 100;
    } else if (g_ascii_isdigit (*text)) {
      weight += (guint)(*text - '0') * scale;
      if (scale < 1000)
        scale /= 10;
    } else {
      break;
    }
    if (weight >= 1000)
      return 1000;
  }
  return weight;
}

/* Weights of what ACCEPT lists, by FrontendCoding; the last is that of "*". */
static void
coding_read (const char *accept, guint weights[FRONTEND_N_CODINGS + 1])
{
  static const char *const names[] = {
    [FRONTEND_PLAIN] = "identity",
    [FRONTEND_GZIP] = "gzip",
    [FRONTEND_BROTLI] = "br",
    [FRONTEND_N_CODINGS] = "*",
  };

  while (*(accept += strspn (accept, " \t,"))) {
    const char *end = accept + strcspn (accept, ",");
    gsize length = strcspn (accept, ";, \t");

    for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
      if (strlen (names[i]) == length && g_ascii_strncasecmp (accept, names[i], length) == 0 &&
          weights[i] == CODING_UNSAID)
        weights[i] = coding_weight (accept + length, end);
    }
    accept = end;
  }
}

FrontendCoding
frontend_choose (const FrontendFile *file, const char *accept)
{
  guint weights[] = { CODING_UNSAID, CODING_UNSAID, CODING_UNSAID, CODING_UNSAID };
  FrontendCoding best = FRONTEND_PLAIN;
  guint best_weight;

  if (!accept)
    return FRONTEND_PLAIN;
  coding_read (accept, weights);
  for (guint i = FRONTEND_GZIP; i < FRONTEND_N_CODINGS; i++) {
    if (weights[i] == CODING_UNSAID)
      weights[i] = weights[FRONTEND_N_CODINGS] == CODING_UNSAID ? 0 : weights[FRONTEND_N_CODINGS];
  }
  /* as it is may always be sent, but is preferred only by who says so */
  best_weight = weights[FRONTEND_PLAIN] == CODING_UNSAID ? 0 : weights[FRONTEND_PLAIN];
  for (guint i = FRONTEND_GZIP; i < FRONTEND_N_CODINGS; i++) {
    if (file->variants[i].bytes && weights[i] > 0 && weights[i] >= best_weight) {
      best = (FrontendCoding)i;
      best_weight = weights[i];
    }
  }
  return best;
}
