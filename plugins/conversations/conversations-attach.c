/* SPDX-License-Identifier: Apache-2.0 */
/* attach: what is attached to a question is read before the agent is asked: images whole, of texts
 * the beginning, as much as a question may carry. Of the rest the agent is told the names.
 */
#include "conversations-engine.h"

#define ATTACH_TEXTS_MAX  (64 * 1024)       /* bytes of all texts together */
#define ATTACH_IMAGE_MAX  (4 * 1024 * 1024) /* bytes of one */
#define ATTACH_IMAGES_MAX (8 * 1024 * 1024) /* of all */

struct Attach {
  Run *run; /* NULL: it has gone, only a read is waited for */
  TurnClaim *claim;
  GArray *files; /* (element-type DaeAgentFile): those that have been looked at */
  gsize texts, images;
};

static void
attach_clear_file (gpointer data)
{
  DaeAgentFile *file = data;

  g_clear_pointer (&file->content, g_bytes_unref);
}

static void
attach_free (Attach *attach)
{
  g_array_unref (attach->files);
  turn_claim_unref (attach->claim);
  g_free (attach);
}

void
attach_drop (Attach *attach)
{
  attach->run->attach = NULL;
  attach->run = NULL;
}

static gboolean
attach_is_text (const ClaimFile *file)
{
  return g_str_has_prefix (file->type, "text/") || g_str_equal (file->type, "application/json") ||
         g_str_equal (file->type, "application/xml");
}

/* How much of FILE is to be read; 0: nothing. */
static gsize
attach_limit (const Attach *attach, const ClaimFile *file)
{
  if (file->size <= 0)
    return 0;
  if (attach_is_text (file))
    return ATTACH_TEXTS_MAX - attach->texts;
  if (g_str_has_prefix (file->type, "image/") && file->size <= ATTACH_IMAGE_MAX &&
      (gsize)file->size <= ATTACH_IMAGES_MAX - attach->images)
    return (gsize)file->size;
  return 0;
}

static void
attach_add (Attach *attach, GBytes *content)
{
  const ClaimFile *file = attach->claim->files->pdata[attach->files->len];
  DaeAgentFile one = { .name = file->name,
                       .type = file->type,
                       .size = file->size,
                       .url = file->url,
                       .content = content ? g_bytes_ref (content) : NULL };

  if (content && attach_is_text (file))
    attach->texts += g_bytes_get_size (content);
  else if (content)
    attach->images += g_bytes_get_size (content);
  g_array_append_val (attach->files, one);
}

static void attach_next (Attach *attach);

static void
attach_on_read (GBytes *content, const char *problem, gpointer data)
{
  Attach *attach = data;

  if (!attach->run) {
    attach_free (attach);
    return;
  }
  if (problem)
    dae_log (attach->run->engine->self, G_LOG_LEVEL_WARNING,
             "a file that is attached to a question cannot be read",
             DAE_S ("turn_id", attach->claim->turn_id), DAE_S ("error", problem));
  attach_add (attach, content);
  attach_next (attach);
}

static void
attach_next (Attach *attach)
{
  const Conversations *own = dae_data (attach->run->engine->self);
  const GPtrArray *files = attach->claim->files;

  while (attach->files->len < files->len) {
    const ClaimFile *file = files->pdata[attach->files->len];
    gsize limit = attach_limit (attach, file);

    if (limit > 0) {
      own->files->read (own->files_plugin, file->id, limit, NULL, attach_on_read, attach);
      return;
    }
    attach_add (attach, NULL);
  }
  attach->run->attach = NULL;
  engine_speak (attach->run, attach->claim, (const DaeAgentFile *)(gpointer)attach->files->data,
                attach->files->len);
  attach_free (attach);
}

void
attach_begin (Run *run, TurnClaim *claim)
{
  Attach *attach;

  if (claim->files->len == 0) {
    engine_speak (run, claim, NULL, 0);
    return;
  }
  attach = g_new0 (Attach, 1);
  attach->run = run;
  attach->claim = turn_claim_ref (claim);
  attach->files = g_array_new (FALSE, FALSE, sizeof (DaeAgentFile));
  g_array_set_clear_func (attach->files, attach_clear_file);
  run->attach = attach;
  attach_next (attach);
}
