/* SPDX-License-Identifier: Apache-2.0 */
/* arena: blocks of memory, used from their front, freed together. */
#include "arena.h"

#include <stdarg.h>
#include <string.h>

#define ARENA_BLOCK 4096
#define ARENA_ALIGN 8

struct ArenaBlock {
  ArenaBlock *next;
  guint8 bytes[] __attribute__ ((aligned (ARENA_ALIGN)));
};

void
arena_init (Arena *arena, gpointer first, gsize size)
{
  arena->at = first;
  arena->end = arena->at + size;
  arena->blocks = NULL;
}

void
arena_clear (Arena *arena)
{
  while (arena->blocks) {
    ArenaBlock *next = arena->blocks->next;

    g_free (arena->blocks);
    arena->blocks = next;
  }
  arena->at = arena->end = NULL;
}

gpointer
arena_alloc (Arena *arena, gsize size)
{
  gsize rounded = (size + ARENA_ALIGN - 1) & ~(gsize)(ARENA_ALIGN - 1);
  ArenaBlock *block;
  gpointer memory;

  if (rounded <= (gsize)(arena->end - arena->at)) {
    memory = arena->at;
    arena->at += rounded;
    return memory;
  }
  block = g_malloc (sizeof *block + MAX (rounded, ARENA_BLOCK));
  block->next = arena->blocks;
  arena->blocks = block;
  /* a large piece has its block for itself, what is left of the last one stays in use */
  if (rounded < ARENA_BLOCK / 2) {
    arena->at = block->bytes + rounded;
    arena->end = block->bytes + ARENA_BLOCK;
  }
  return block->bytes;
}

gpointer
arena_alloc0 (Arena *arena, gsize size)
{
  return memset (arena_alloc (arena, size), 0, size);
}

char *
arena_strndup (Arena *arena, const char *text, gsize length)
{
  char *copy;

  if (!text)
    return NULL;
  copy = arena_alloc (arena, length + 1);
  memcpy (copy, text, length);
  copy[length] = '\0';
  return copy;
}

char *
arena_strdup (Arena *arena, const char *text)
{
  return text ? arena_strndup (arena, text, strlen (text)) : NULL;
}

char *
arena_printf (Arena *arena, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  return arena_strdup (arena, text);
}
