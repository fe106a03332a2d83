/* SPDX-License-Identifier: Apache-2.0 */
/* longer-rows: built with headers of a later minor, it asks for this one: it must work. */
#include <daedalus-plugin.h>

typedef struct {
  DaeSetting row;
  gint64 later[3];
} LaterSetting;

typedef struct {
  DaeMember row;
  const char *later;
} LaterMember;

typedef struct {
  DaePluginInfo info;
  gpointer later[4];
} LaterInfo;

static DaeReply *
answer (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return dae_reply_empty (req, 204);
}

static const LaterSetting settings[] = {
  { { .key = "one", .fallback = "1", .help = "One" }, { -1, -1, -1 } },
  { { .key = "two", .fallback = "2", .help = "Two" }, { -1, -1, -1 } },
};

static const LaterMember members[] = {
  { { .name = "first" }, "later" },
  { { .name = "second" }, "later" },
};

static const DaeRoute routes[] = {
  { .method = "POST",
    .pattern = "/api/later",
    .answer = answer,
    .body = DAE_BODY_JSON,
    .members = { &members[0].row, 2, sizeof (LaterMember) } },
};

G_MODULE_EXPORT extern const LaterInfo daedalus_plugin_1;
const LaterInfo daedalus_plugin_1 = {
  .info = { .struct_size = sizeof (LaterInfo),
            .abi_minor = 0,
            .name = "longer-rows",
            .version = "1.0",
            .summary = "A plugin for a test",
            .settings = { &settings[0].row, 2, sizeof (LaterSetting) },
            .routes = DAE_TABLE (routes) },
  .later = { (gpointer)-1, (gpointer)-1, (gpointer)-1, (gpointer)-1 },
};
