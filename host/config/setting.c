/* SPDX-License-Identifier: Apache-2.0 */
/* setting: one table of types, a parser each, and the words an admin gets where the text does not
 * fit. Nothing here opens a file but setting_read_secret.
 */
#include "setting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTING_MAX_SECRET (64 * 1024)

typedef struct {
  guint8 bytes[16];
  guint8 length; /* 4 or 16; 0: "unix" */
  guint8 bits;
} SettingNetwork;

typedef struct {
  const char *name;
  gint64 factor;
} SettingUnit;

static const SettingUnit setting_sizes[] = {
  { "", 1 },          { "B", 1 },           { "K", 1 << 10 },   { "M", 1 << 20 },
  { "G", 1 << 30 },   { "KiB", 1 << 10 },   { "MiB", 1 << 20 }, { "GiB", 1 << 30 },
  { "T", 1LL << 40 }, { "TiB", 1LL << 40 },
};

static const SettingUnit setting_durations[] = {
  { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

static gboolean
setting_refuse (char **ret_why, char **ret_remedy, char *why, char *remedy)
{
  *ret_why = why;
  *ret_remedy = remedy;
  return FALSE;
}

static gboolean
setting_parse_number (const char *text, const SettingUnit *units, guint n_units, gint64 *ret)
{
  char *end = NULL;
  gint64 number;

  if (!g_ascii_isdigit (text[0]) && !(n_units == 0 && text[0] == '-' && g_ascii_isdigit (text[1])))
    return FALSE;
  errno = 0;
  number = g_ascii_strtoll (text, &end, 10);
  if (errno != 0)
    return FALSE;
  if (n_units == 0 || (number == 0 && *end == '\0')) {
    *ret = number;
    return *end == '\0';
  }
  while (*end == ' ')
    end++;
  for (guint i = 0; i < n_units; i++) {
    if (strcmp (end, units[i].name) != 0)
      continue;
    return !__builtin_mul_overflow (number, units[i].factor, ret);
  }
  return FALSE;
}

static gboolean
setting_parse_bool (const char *text, gint64 *ret)
{
  static const char *const yes[] = { "true", "yes", "on", "1", NULL };
  static const char *const no[] = { "false", "no", "off", "0", NULL };

  if (!g_strv_contains (yes, text) && !g_strv_contains (no, text))
    return FALSE;
  *ret = g_strv_contains (yes, text);
  return TRUE;
}

/* Items between ';' or ',', trimmed; empty ones are left out, so a trailing separator is fine. */
static char **
setting_split_list (const char *text)
{
  g_auto (GStrv) parts = g_strsplit_set (text, ";,", -1);
  GPtrArray *items = g_ptr_array_new ();

  for (char **part = parts; *part != NULL; part++) {
    g_strstrip (*part);
    if (**part != '\0')
      g_ptr_array_add (items, g_strdup (*part));
  }
  g_ptr_array_add (items, NULL);
  return (char **)g_ptr_array_free (items, FALSE);
}

static gboolean
setting_parse_address (const char *text, SettingNetwork *ret)
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);
  gsize size;

  if (address == NULL)
    return FALSE;
  size = g_inet_address_get_native_size (address);
  memcpy (ret->bytes, g_inet_address_to_bytes (address), size);
  if (size == 16 && memcmp (ret->bytes, mapped, sizeof mapped) == 0) {
    memmove (ret->bytes, ret->bytes + 12, 4);
    size = 4;
  }
  ret->length = (guint8)size;
  ret->bits = (guint8)(size * 8);
  return TRUE;
}

static gboolean
setting_parse_network (const char *text, SettingNetwork *ret)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", 2);
  gint64 bits;

  *ret = (SettingNetwork){ 0 };
  if (strcmp (text, "unix") == 0)
    return TRUE;
  if (!setting_parse_address (parts[0], ret))
    return FALSE;
  if (parts[1] == NULL)
    return TRUE;
  if (!setting_parse_number (parts[1], NULL, 0, &bits) || bits < 0 || bits > ret->bits)
    return FALSE;
  ret->bits = (guint8)bits;
  return TRUE;
}

static gboolean
setting_network_has (const SettingNetwork *network, const SettingNetwork *address)
{
  guint whole = network->bits / 8, rest = network->bits % 8;
  guint8 mask = (guint8)(0xff00 >> rest);

  if (network->length != address->length)
    return FALSE;
  if (memcmp (network->bytes, address->bytes, whole) != 0)
    return FALSE;
  return rest == 0 || ((network->bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

static gboolean
setting_parse_networks (Setting *setting, char **ret_why, char **ret_remedy)
{
  setting->networks = g_array_new (FALSE, FALSE, sizeof (SettingNetwork));
  for (char **item = setting->list; *item != NULL; item++) {
    SettingNetwork network;

    if (!setting_parse_network (*item, &network))
      return setting_refuse (ret_why, ret_remedy,
                             g_strdup_printf ("\"%s\" is not an address or network", *item),
                             g_strdup ("Write numeric addresses and networks, for example "
                                       "127.0.0.1, 10.0.0.0/8, ::1 or unix."));
    g_array_append_val (setting->networks, network);
  }
  return TRUE;
}

static gboolean
setting_parse_url (const char *text, char **ret_why, char **ret_remedy)
{
  g_autoptr (GUri) uri = g_uri_parse (text, G_URI_FLAGS_HAS_PASSWORD, NULL);
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : "";
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;

  if ((strcmp (scheme, "http") != 0 && strcmp (scheme, "https") != 0) || host == NULL ||
      *host == '\0')
    return setting_refuse (ret_why, ret_remedy,
                           g_strdup_printf ("\"%s\" is not an http or https URL", text),
                           g_strdup ("Write a whole URL, for example https://name.example/."));
  if (g_uri_get_userinfo (uri) != NULL)
    return setting_refuse (
        ret_why, ret_remedy, g_strdup ("the URL carries user information"),
        g_strdup ("Take the part before \"@\" out of the URL; there is a setting of "
                  "its own for a secret."));
  return TRUE;
}

static gboolean
setting_parse_choice (const char *choices, const char *text, char **ret_why, char **ret_remedy)
{
  g_auto (GStrv) known = g_strsplit (choices != NULL ? choices : "", "|", -1);
  g_autofree char *listed = NULL;

  if (g_strv_contains ((const char *const *)known, text))
    return TRUE;
  listed = g_strjoinv (", ", known);
  return setting_refuse (ret_why, ret_remedy,
                         g_strdup_printf ("\"%s\" is not one of the choices", text),
                         g_strdup_printf ("Write one of: %s.", listed));
}

static const char *
setting_unit_name (guint32 type)
{
  return type == DAE_SETTING_SIZE ? "bytes" : type == DAE_SETTING_DURATION ? "ms" : "";
}

static gboolean
setting_check_range (
    const DaeSetting *row, gint64 number, const char *text, char **ret_why, char **ret_remedy)
{
  const char *unit = setting_unit_name (row->type);
  const char *space = *unit != '\0' ? " " : "";

  if ((row->min == 0 && row->max == 0) || (number >= row->min && number <= row->max))
    return TRUE;
  return setting_refuse (ret_why, ret_remedy, g_strdup_printf ("\"%s\" is out of range", text),
                         g_strdup_printf ("Write a value from %" G_GINT64_FORMAT
                                          " to %" G_GINT64_FORMAT "%s%s.",
                                          row->min, row->max, space, unit));
}

static gboolean
setting_parse_scalar (
    const DaeSetting *row, const char *text, gint64 *ret, char **ret_why, char **ret_remedy)
{
  switch (row->type) {
  case DAE_SETTING_INT:
    if (setting_parse_number (text, NULL, 0, ret))
      break;
    return setting_refuse (ret_why, ret_remedy,
                           g_strdup_printf ("\"%s\" is not a whole number", text),
                           g_strdup ("Write digits only, for example 4."));
  case DAE_SETTING_BOOL:
    if (setting_parse_bool (text, ret))
      break;
    return setting_refuse (ret_why, ret_remedy,
                           g_strdup_printf ("\"%s\" is not true or false", text),
                           g_strdup ("Write true or false."));
  case DAE_SETTING_SIZE:
    if (setting_parse_number (text, setting_sizes, G_N_ELEMENTS (setting_sizes), ret))
      break;
    return setting_refuse (ret_why, ret_remedy, g_strdup_printf ("\"%s\" is not a size", text),
                           g_strdup ("Write a number with K, M, G or T, for example 10G."));
  default:
    if (setting_parse_number (text, setting_durations, G_N_ELEMENTS (setting_durations), ret))
      break;
    return setting_refuse (ret_why, ret_remedy, g_strdup_printf ("\"%s\" is not a duration", text),
                           g_strdup ("Write a number with ms, s, min, h or d, for example 30s."));
  }
  return setting_check_range (row, *ret, text, ret_why, ret_remedy);
}

static gboolean
setting_parse_into (const DaeSetting *row, Setting *setting, char **ret_why, char **ret_remedy)
{
  switch (row->type) {
  case DAE_SETTING_INT:
  case DAE_SETTING_BOOL:
  case DAE_SETTING_SIZE:
  case DAE_SETTING_DURATION:
    return setting_parse_scalar (row, setting->text, &setting->number, ret_why, ret_remedy);
  case DAE_SETTING_LIST:
    setting->list = setting_split_list (setting->text);
    return TRUE;
  case DAE_SETTING_NETWORKS:
    setting->list = setting_split_list (setting->text);
    return setting_parse_networks (setting, ret_why, ret_remedy);
  case DAE_SETTING_URL:
    return setting_parse_url (setting->text, ret_why, ret_remedy);
  case DAE_SETTING_CHOICE:
    return setting_parse_choice (row->choices, setting->text, ret_why, ret_remedy);
  default:
    return TRUE;
  }
}

gboolean
setting_parse (
    const DaeSetting *row, const char *text, Setting *ret, char **ret_why, char **ret_remedy)
{
  Setting setting = { .type = row->type };

  /* spaces around a secret may belong to it */
  setting.text = row->type == DAE_SETTING_SECRET ? g_strdup (text) : g_strstrip (g_strdup (text));
  if (!setting_parse_into (row, &setting, ret_why, ret_remedy)) {
    setting_clear (&setting);
    return FALSE;
  }
  *ret = setting;
  return TRUE;
}

void
setting_init_unset (const DaeSetting *row, Setting *ret)
{
  *ret = (Setting){ .type = row->type };
  if (row->type == DAE_SETTING_LIST || row->type == DAE_SETTING_NETWORKS)
    ret->list = g_new0 (char *, 1);
  if (row->type == DAE_SETTING_NETWORKS)
    ret->networks = g_array_new (FALSE, FALSE, sizeof (SettingNetwork));
}

void
setting_clear (Setting *setting)
{
  /* secrets do not stay behind in freed memory */
  if (setting->type == DAE_SETTING_SECRET && setting->text != NULL)
    explicit_bzero (setting->text, strlen (setting->text));
  g_clear_pointer (&setting->text, g_free);
  g_clear_pointer (&setting->list, g_strfreev);
  g_clear_pointer (&setting->networks, g_array_unref);
}

gboolean
setting_has_address (const Setting *setting, const char *address)
{
  SettingNetwork wanted = { 0 };

  if (setting->networks == NULL || address == NULL)
    return FALSE;
  if (strcmp (address, "unix") != 0 && !setting_parse_address (address, &wanted))
    return FALSE;
  for (guint i = 0; i < setting->networks->len; i++) {
    if (setting_network_has (&g_array_index (setting->networks, SettingNetwork, i), &wanted))
      return TRUE;
  }
  return FALSE;
}

static char *
setting_read_whole (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[4096];
  ssize_t got;

  while ((got = TEMP_FAILURE_RETRY (read (fd, buffer, sizeof buffer))) > 0 &&
         text->len <= SETTING_MAX_SECRET)
    g_string_append_len (text, buffer, got);
  explicit_bzero (buffer, sizeof buffer);
  if (got < 0 || text->len > SETTING_MAX_SECRET || memchr (text->str, '\0', text->len) != NULL)
    return NULL;
  if (g_str_has_suffix (text->str, "\n"))
    g_string_truncate (text, text->len - 1);
  return g_utf8_validate (text->str, (gssize)text->len, NULL) ? g_strdup (text->str) : NULL;
}

char *
setting_read_secret (const char *path, char **ret_why, char **ret_remedy)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  int problem = errno;
  struct stat status;
  char *text;

  if (fd < 0 || fstat (fd, &status) != 0 || !S_ISREG (status.st_mode)) {
    const char *reason = fd < 0 ? g_strerror (problem) : "it is not a file";

    if (fd >= 0)
      close (fd);
    setting_refuse (ret_why, ret_remedy, g_strdup_printf ("cannot read \"%s\": %s", path, reason),
                    g_strdup ("Write the path of a file that this user may read."));
    return NULL;
  }
  if ((status.st_mode & S_IROTH) != 0) {
    close (fd);
    setting_refuse (ret_why, ret_remedy, g_strdup_printf ("\"%s\" can be read by everybody", path),
                    g_strdup_printf ("Run: chmod o-rwx %s", path));
    return NULL;
  }
  text = setting_read_whole (fd);
  close (fd);
  if (text == NULL || *text == '\0') {
    g_free (text);
    setting_refuse (ret_why, ret_remedy, g_strdup_printf ("\"%s\" holds no secret", path),
                    g_strdup ("Put the secret into the file as one line of text, at most 64 KiB."));
    return NULL;
  }
  return text;
}

static gboolean
setting_is_key (const char *key)
{
  if (key == NULL || !g_ascii_islower (key[0]))
    return FALSE;
  return strspn (key, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (key);
}

static gboolean
setting_is_variable (const char *name)
{
  return g_str_has_prefix (name, "DAEDALUS_") &&
         strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen (name);
}

char *
setting_check_row (const DaeSetting *row)
{
  g_autofree char *why = NULL;
  g_autofree char *remedy = NULL;
  Setting setting;

  if (!setting_is_key (row->key))
    return g_strdup_printf ("declares setting \"%s\", whose key must be made of a-z, 0-9 and '-'",
                            row->key != NULL ? row->key : "");
  if (row->type > DAE_SETTING_NETWORKS || (row->flags & ~DAE_SETTING_REQUIRED) != 0)
    return g_strdup_printf ("declares setting \"%s\" of a kind that this daedalus does not know",
                            row->key);
  if (row->help == NULL || *row->help == '\0')
    return g_strdup_printf ("declares setting \"%s\" without a help text", row->key);
  if (row->type == DAE_SETTING_CHOICE && (row->choices == NULL || *row->choices == '\0'))
    return g_strdup_printf ("declares setting \"%s\", a choice without choices", row->key);
  if (row->min > row->max)
    return g_strdup_printf ("declares setting \"%s\", whose smallest value is above its largest",
                            row->key);
  if (row->environment != NULL && !setting_is_variable (row->environment))
    return g_strdup_printf (
        "declares setting \"%s\" with \"%s\", which is not a name that begins with DAEDALUS_",
        row->key, row->environment);
  if (row->fallback == NULL)
    return NULL;
  if (!setting_parse (row, row->fallback, &setting, &why, &remedy))
    return g_strdup_printf ("declares setting \"%s\", whose fallback does not fit: %s", row->key,
                            why);
  setting_clear (&setting);
  return NULL;
}
