/* SPDX-License-Identifier: Apache-2.0 */
/* database-choose: which database the settings mean. */
#include "database-driver.h"

#include "../config/config.h"

gpointer
database_choose (Config *config,
                 const DaeHostInfo *info,
                 Complaints *complaints,
                 const DatabaseDriver **ret_driver)
{
  const char *url = config_text (config, "database", "url");
  const ConfigEntry *origin = config_origin (config, "database", "url");
  g_autofree char *why = NULL;
  gpointer shared;

  if (url == NULL && g_strcmp0 (info->environment, "production") == 0) {
    complaints_add (complaints, NULL, NULL, 0, "database", "url",
                    "no database is named, and production does not begin an empty one by itself",
                    "Write url = postgresql://..., or url = sqlite: to run on SQLite on purpose.");
    return NULL;
  }
  if (url == NULL || g_str_has_prefix (url, "sqlite")) {
    *ret_driver = &database_sqlite_driver;
    shared = database_sqlite_new (url != NULL ? url : "sqlite:", info->data_dir, &why);
  } else {
    *ret_driver = &database_postgres_driver;
    shared = database_postgres_new (url, config_text (config, "database", "listen-url"),
                                    config_int (config, "database", "prepare") != 0, &why);
  }
  if (shared == NULL)
    complaints_add (complaints, NULL, origin != NULL ? origin->file : NULL,
                    origin != NULL ? origin->line : 0, "database", "url", why,
                    "Write postgresql://USER:PASSWORD@HOST/DATABASE with special characters "
                    "percent-encoded, or sqlite:///PATH.");
  return shared;
}
