/* SPDX-License-Identifier: Apache-2.0 */
/* frontend: serves the page's files.
 *
 * Their table is made once, when the process starts; a reload brings a new one.
 * Nothing of a request ever becomes a path of the file system.
 */
#include "frontend.h"

#include <string.h>

#define CACHE_FOR_EVER "public, max-age=31536000, immutable"
#define CACHE_ASK      "no-cache"

static const DaeSetting settings[] = {
  { .key = "directory",
    .type = DAE_SETTING_TEXT,
    .help = "Where the page's files are; where packages put them if none is set." },
};

/* A page of our own never needs these, whatever runs in it. */
static const char permissions[] =
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), "
    "gyroscope=(), magnetometer=(), microphone=(), midi=(), "
    "payment=(), publickey-credentials-get=(), usb=()";

/* The host makes 304 and 206 of it where the client asks for that. */
static DaeOutcome
frontend_send (DaeRequest *req, const FrontendFile *file)
{
  FrontendCoding coding = frontend_choose (file, dae_request_header (req, "Accept-Encoding"));
  const FrontendVariant *variant = &file->variants[coding];
  DaeReply *reply = dae_reply_bytes (req, 200, file->type, variant->bytes);

  dae_reply_header (reply, "ETag", variant->tag);
  dae_reply_header (reply, "Vary", "Accept-Encoding");
  dae_reply_header (reply, "Accept-Ranges", "bytes");
  dae_reply_header (reply, "Cache-Control", file->is_immutable ? CACHE_FOR_EVER : CACHE_ASK);
  if (coding != FRONTEND_PLAIN)
    dae_reply_header (reply, "Content-Encoding", coding == FRONTEND_BROTLI ? "br" : "gzip");
  dae_reply_header (reply, "Content-Security-Policy", "frame-ancestors 'none'");
  dae_reply_header (reply, "Cross-Origin-Opener-Policy", "same-origin");
  dae_reply_header (reply, "Cross-Origin-Resource-Policy", "same-origin");
  dae_reply_header (reply, "Permissions-Policy", permissions);
  dae_reply_header (reply, "Referrer-Policy", "same-origin");
  dae_reply_header (reply, "X-Content-Type-Options", "nosniff");
  return dae_send (req, reply);
}

/* Paths that belong to programs: a program must be told 404, not be given a page. */
static gboolean
frontend_is_reserved (const char *path)
{
  return strcmp (path, "api") == 0 || strcmp (path, ".well-known") == 0 ||
         g_str_has_prefix (path, ".well-known/");
}

static gboolean
frontend_has_extension (const char *path)
{
  const char *slash = strrchr (path, '/');

  return strchr (slash ? slash + 1 : path, '.') != NULL;
}

static DaeOutcome
frontend_show (DaeRequest *req, DaePlugin *self)
{
  const FrontendFiles *files = dae_data (self);
  const char *path = dae_request_param (req, "path");
  const FrontendFile *file = frontend_find (files, path);

  if (!file && !frontend_is_reserved (path) && !frontend_has_extension (path))
    file = files->index;
  if (!file)
    return dae_send (req, dae_reply_not_found (req));
  return frontend_send (req, file);
}

/* Under /api/ whatever no other route names, by any method. */
static DaeOutcome
frontend_unknown (DaeRequest *req, DaePlugin *self)
{
  return dae_send (req, dae_reply_not_found (req));
}

static gboolean
frontend_start (DaePlugin *self, GError **error)
{
  const char *directory = dae_setting_text (self, "directory");
  FrontendFiles *files;

  if (!directory || !*directory)
    directory = dae_host_info (self)->static_dir;
  files = frontend_read (self, directory);
  dae_set_data (self, files, frontend_files_free);
  if (!files->index)
    dae_log (self, G_LOG_LEVEL_WARNING, "the page is not installed",
             DAE_S ("directory", directory));
  return TRUE;
}

static DaeHealth
frontend_health (DaePlugin *self, GString *why)
{
  const FrontendFiles *files = dae_data (self);

  if (files->index)
    return DAE_HEALTH_UP;
  g_string_append_printf (why, "there is no index.html in \"%s\"", files->directory);
  return DAE_HEALTH_DEGRADED;
}

#define UNKNOWN(m)                                                                                 \
  {                                                                                                \
    .method = (m), .pattern = "/api/{path*}", .loop = frontend_unknown, .auth = DAE_AUTH_NONE,     \
    .body = DAE_BODY_STREAM                                                                        \
  }

static const DaeRoute routes[] = {
  { .method = "GET",
    .pattern = "/{path*}",
    .loop = frontend_show,
    .auth = DAE_AUTH_NONE,
    .flags = DAE_ROUTE_QUIET },
  { .method = "GET", .pattern = "/api/{path*}", .loop = frontend_unknown, .auth = DAE_AUTH_NONE },
  UNKNOWN ("POST"),
  UNKNOWN ("PUT"),
  UNKNOWN ("PATCH"),
  UNKNOWN ("DELETE"),
};

DAE_PLUGIN_DEFINE (.name = "frontend",
                   .version = "0.1.0",
                   .summary = "The page's files",
                   .settings = DAE_TABLE (settings),
                   .routes = DAE_TABLE (routes),
                   .start = frontend_start,
                   .health = frontend_health);
