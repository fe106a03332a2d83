/* SPDX-License-Identifier: Apache-2.0 */
/* host: what plugins are told about the installation. */
#include "host.h"

#include "config/config.h"
#include "paths.h"

static const char *
text_or (const char *text, const char *otherwise)
{
  return text != NULL && *text != '\0' ? text : otherwise;
}

void
host_describe (Host *host, const char *data_dir, const char *runtime_dir, const char *base_url)
{
  Config *config = host->config;

  host->info.host_version = DAEDALUS_VERSION "+" DAEDALUS_REVISION;
  host->info.base_url = text_or (config_text (config, "http", "base-url"), base_url);
  host->info.environment = text_or (config_text (config, "host", "environment"), "development");
  host->info.data_dir = data_dir;
  host->info.runtime_dir = runtime_dir;
  host->info.static_dir = text_or (config_text (config, "host", "static-dir"), DAEDALUS_STATIC_DIR);
  host->info.schema_dir = text_or (config_text (config, "host", "schema-dir"), DAEDALUS_SCHEMA_DIR);
  host->info.workers = 1;
}
