/* SPDX-License-Identifier: Apache-2.0 */
/* arena: memory that is freed all at once, with the request or reply it belongs to. */
#pragma once

#include <glib.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct {
  guint8 *at, *end;
  ArenaBlock *blocks; /* owned; the first bytes are the owner's */
} Arena;

/* FIRST is memory of the owner's to use up before any is allocated. */
void arena_init (Arena *arena, gpointer first, gsize size);
void arena_clear (Arena *arena);
/* Aligned for pointers and int64; not zeroed. */
gpointer arena_alloc (Arena *arena, gsize size);
gpointer arena_alloc0 (Arena *arena, gsize size);
/* NULL gives NULL. */
char *arena_strdup (Arena *arena, const char *text);
char *arena_strndup (Arena *arena, const char *text, gsize length);
char *arena_printf (Arena *arena, const char *format, ...) G_GNUC_PRINTF (2, 3);

#define arena_new0(arena, Type, n) ((Type *)arena_alloc0 ((arena), sizeof (Type) * (n)))
