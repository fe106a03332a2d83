/* SPDX-License-Identifier: Apache-2.0 */
/* log: a line is built in one buffer and written by one call. Whatever a
 * peer sends, it stays one line of valid UTF-8, and no field is long.
 */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_FIELD_MAX     1024
#define LOG_FIELDS_MAX    40
#define LOG_REPEAT_MAX    5  /* lines of one text of a library in a window */
#define LOG_REPEAT_WINDOW 10 /* seconds */
#define LOG_REPEAT_TEXTS  64

typedef struct {
  GLogLevelFlags flag;
  const char *name;
  char priority; /* as of syslog, for the journal */
  const char *colour;
} LogLevel;

/* From grave to harmless. */
static const LogLevel log_levels[] = {
  { G_LOG_LEVEL_ERROR, "critical", '2', "\033[1;31m" },
  { G_LOG_LEVEL_CRITICAL, "error", '3', "\033[31m" },
  { G_LOG_LEVEL_WARNING, "warning", '4', "\033[33m" },
  { G_LOG_LEVEL_MESSAGE, "notice", '5', "\033[36m" },
  { G_LOG_LEVEL_INFO, "info", '6', "\033[32m" },
  { G_LOG_LEVEL_DEBUG, "debug", '7', "\033[2m" },
};

typedef struct {
  LogFormat format;
  gint threshold; /* atomic: the most harmless flag that is logged */
  char *process;
  gboolean to_journal, in_colour;
} Log;

static Log log_state = { .threshold = G_LOG_LEVEL_INFO };

static const LogLevel *
log_level_find (GLogLevelFlags level)
{
  for (guint i = 0; i < G_N_ELEMENTS (log_levels); i++) {
    if ((level & log_levels[i].flag) != 0)
      return &log_levels[i];
  }
  return &log_levels[G_N_ELEMENTS (log_levels) - 1];
}

void
log_set_level (const char *level)
{
  for (guint i = 1; i < G_N_ELEMENTS (log_levels); i++) {
    if (strcmp (log_levels[i].name, level) == 0)
      g_atomic_int_set (&log_state.threshold, (gint)log_levels[i].flag);
  }
}

gboolean
log_has_level (GLogLevelFlags level)
{
  return (gint)log_level_find (level)->flag <= g_atomic_int_get (&log_state.threshold);
}

/* The length of TEXT without the part over the limit, at a character's edge. */
static gsize
log_cut (const char *text, gsize length)
{
  gsize cut = MIN (length, LOG_FIELD_MAX);

  /* a continuation byte is not where a character begins */
  while (cut < length && cut > 0 && ((guint8)text[cut] & 0xc0) == 0x80)
    cut--;
  return cut;
}

static gboolean
log_must_escape (gunichar c)
{
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

/* Appends TEXT so that it is part of one line: control characters and line separators as \u, bytes
 * that are no UTF-8 as U+FFFD. QUOTE: as JSON has it inside quotes. */
static void
log_append (GString *out, const char *text, gboolean quote)
{
  gsize length = strlen (text), cut = log_cut (text, length);
  const char *end = text + cut;

  for (const char *at = text; at < end;) {
    gunichar c = g_utf8_get_char_validated (at, end - at);

    if (c == (gunichar)-1 || c == (gunichar)-2) {
      g_string_append (out, "\357\277\275");
      at++;
      continue;
    }
    if (c == '\n' && quote)
      g_string_append (out, "\\n");
    else if (log_must_escape (c))
      g_string_append_printf (out, "\\u%04x", c);
    else if (quote && (c == '"' || c == '\\'))
      g_string_append_printf (out, "\\%c", (char)c);
    else
      g_string_append_unichar (out, c);
    at = g_utf8_next_char (at);
  }
  if (cut < length)
    g_string_append (out, "\342\200\246");
}

static void
log_append_number (GString *out, const DaeField *field)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (field->type == DAE_VALUE_INT)
    g_string_append_printf (out, "%" G_GINT64_FORMAT, field->number);
  else if (field->real - field->real != 0) /* not finite: no number of JSON's */
    g_string_append (out, "null");
  else
    g_string_append (out, g_ascii_formatd (text, sizeof text, "%.15g", field->real));
}

static void
log_append_json_member (GString *out, const char *key, const char *text)
{
  if (text == NULL)
    return;
  g_string_append (out, ",\"");
  log_append (out, key, TRUE);
  g_string_append (out, "\":\"");
  log_append (out, text, TRUE);
  g_string_append_c (out, '"');
}

static void
log_append_json_field (GString *out, const DaeField *field)
{
  if (field->type == DAE_VALUE_TEXT) {
    log_append_json_member (out, field->key, field->text);
    return;
  }
  g_string_append (out, ",\"");
  log_append (out, field->key, TRUE);
  g_string_append (out, "\":");
  log_append_number (out, field);
}

static void
log_append_text_member (GString *out, const char *key, const char *text)
{
  if (text == NULL)
    return;
  g_string_append_c (out, ' ');
  log_append (out, key, FALSE);
  g_string_append_c (out, '=');
  if (*text == '\0' || strpbrk (text, " \"=") != NULL) {
    g_string_append_c (out, '"');
    log_append (out, text, TRUE);
    g_string_append_c (out, '"');
  } else {
    log_append (out, text, FALSE);
  }
}

static void
log_append_text_field (GString *out, const DaeField *field)
{
  if (field->type == DAE_VALUE_TEXT) {
    log_append_text_member (out, field->key, field->text);
    return;
  }
  g_string_append_c (out, ' ');
  log_append (out, field->key, FALSE);
  g_string_append_c (out, '=');
  log_append_number (out, field);
}

static void
log_append_context (GString *out,
                    const LogContext *context,
                    void (*append) (GString *, const char *, const char *))
{
  if (context == NULL)
    return;
  append (out, "plugin", context->plugin);
  append (out, "request_id", context->request_id);
  append (out, "workspace_id", context->workspace_id);
  append (out, "user", context->user);
  append (out, "agent", context->agent);
  append (out, "method", context->method);
  append (out, "route", context->route);
}

static void
log_append_time (GString *out, gboolean with_date)
{
  gint64 now = g_get_real_time ();
  time_t seconds = (time_t)(now / G_USEC_PER_SEC);
  struct tm parts;

  gmtime_r (&seconds, &parts);
  if (with_date)
    g_string_append_printf (out, "%04d-%02d-%02dT", parts.tm_year + 1900, parts.tm_mon + 1,
                            parts.tm_mday);
  g_string_append_printf (out, "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
                          (int)(now % G_USEC_PER_SEC / 1000));
}

static void
log_build_json (GString *out,
                const LogLevel *level,
                const LogContext *context,
                const char *message,
                const DaeField *fields,
                guint n_fields)
{
  if (log_state.to_journal)
    g_string_append_printf (out, "<%c>", level->priority);
  g_string_append (out, "{\"time\":\"");
  log_append_time (out, TRUE);
  g_string_append_printf (out, "Z\",\"level\":\"%s\"", level->name);
  log_append_json_member (out, "logger", log_state.process);
  log_append_json_member (out, "message", message);
  log_append_context (out, context, log_append_json_member);
  for (guint i = 0; i < n_fields; i++)
    log_append_json_field (out, &fields[i]);
  g_string_append (out, "}\n");
}

static void
log_build_text (GString *out,
                const LogLevel *level,
                const LogContext *context,
                const char *message,
                const DaeField *fields,
                guint n_fields)
{
  log_append_time (out, FALSE);
  g_string_append_printf (out, " %s%-8s%s ", log_state.in_colour ? level->colour : "", level->name,
                          log_state.in_colour ? "\033[0m" : "");
  if (log_state.process != NULL)
    g_string_append_printf (out, "%s: ", log_state.process);
  log_append (out, message, FALSE);
  if (log_state.in_colour)
    g_string_append (out, "\033[2m");
  log_append_context (out, context, log_append_text_member);
  for (guint i = 0; i < n_fields; i++)
    log_append_text_field (out, &fields[i]);
  g_string_append (out, log_state.in_colour ? "\033[0m\n" : "\n");
}

/* A pipe that nobody empties holds the process up for a moment only; then the line is lost. */
static void
log_write (const char *text, gsize length)
{
  while (length > 0) {
    ssize_t written = write (STDOUT_FILENO, text, length);
    struct pollfd ready = { .fd = STDOUT_FILENO, .events = POLLOUT };

    if (written > 0) {
      text += written;
      length -= (gsize)written;
    } else if (errno == EAGAIN) {
      if (poll (&ready, 1, 100) == 0)
        return;
    } else if (errno != EINTR) {
      return;
    }
  }
}

void
log_fields (GLogLevelFlags level,
            const LogContext *context,
            const char *message,
            const DaeField *fields,
            guint n_fields)
{
  g_autoptr (GString) out = NULL;

  if (!log_has_level (level))
    return;
  out = g_string_sized_new (512);
  n_fields = MIN (n_fields, LOG_FIELDS_MAX);
  if (log_state.format == LOG_TEXT)
    log_build_text (out, log_level_find (level), context, message, fields, n_fields);
  else
    log_build_json (out, log_level_find (level), context, message, fields, n_fields);
  log_write (out->str, out->len);
}

/* How often one text has come in its window. */
typedef struct {
  gint64 since;
  guint count;
} LogRepeat;

/* TRUE if TEXT may be written; *RET_LEFT_OUT is how many of it were not in the window before. */
static gboolean
log_may_repeat (const char *text, guint *ret_left_out)
{
  static GMutex mutex;
  static GHashTable *repeats;
  gint64 now = g_get_monotonic_time ();
  LogRepeat *repeat;
  gboolean may;

  g_mutex_lock (&mutex);
  if (repeats == NULL || g_hash_table_size (repeats) >= LOG_REPEAT_TEXTS) {
    g_clear_pointer (&repeats, g_hash_table_unref);
    repeats = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  }
  repeat = g_hash_table_lookup (repeats, text);
  if (repeat == NULL) {
    repeat = g_new0 (LogRepeat, 1);
    repeat->since = now;
    g_hash_table_insert (repeats, g_strdup (text), repeat);
  }
  *ret_left_out = 0;
  if (now - repeat->since >= LOG_REPEAT_WINDOW * G_USEC_PER_SEC) {
    *ret_left_out = repeat->count > LOG_REPEAT_MAX ? repeat->count - LOG_REPEAT_MAX : 0;
    repeat->since = now;
    repeat->count = 0;
  }
  may = ++repeat->count <= LOG_REPEAT_MAX;
  g_mutex_unlock (&mutex);
  return may;
}

static const char *
log_glib_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++) {
    if (strcmp (fields[i].key, key) == 0 && fields[i].length < 0)
      return fields[i].value;
  }
  return NULL;
}

static GLogWriterOutput
log_write_glib (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *text = log_glib_field (fields, n_fields, "MESSAGE");
  const char *domain = log_glib_field (fields, n_fields, "GLIB_DOMAIN");
  DaeField ours[] = { DAE_S ("error", text), DAE_S ("library", domain), DAE_I ("left_out", 0) };
  guint left_out;

  if (text == NULL || !log_has_level (level))
    return G_LOG_WRITER_HANDLED;
  if ((level & G_LOG_FLAG_FATAL) == 0 && !log_may_repeat (text, &left_out))
    return G_LOG_WRITER_HANDLED;
  ours[2].number = (level & G_LOG_FLAG_FATAL) == 0 ? left_out : 0;
  log_fields (level, NULL, "message of a library", ours, ours[2].number > 0 ? 3 : 2);
  return G_LOG_WRITER_HANDLED;
}

/* systemd tells the journal's socket by device and inode: JOURNAL_STREAM also reaches children
 * whose output goes elsewhere. */
static gboolean
log_is_journal (void)
{
  const char *stream = g_getenv ("JOURNAL_STREAM");
  struct stat status;
  g_autofree char *ours = NULL;

  if (stream == NULL || fstat (STDOUT_FILENO, &status) != 0)
    return FALSE;
  ours = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)status.st_dev,
                          (guint64)status.st_ino);
  return strcmp (stream, ours) == 0;
}

void
log_open (LogFormat format, const char *level, const char *process)
{
  static gboolean has_writer = FALSE;

  log_state.format = format;
  log_state.to_journal = format == LOG_JSON && log_is_journal ();
  log_state.in_colour =
      format == LOG_TEXT && isatty (STDOUT_FILENO) && g_getenv ("NO_COLOR") == NULL;
  g_free (log_state.process);
  log_state.process = g_strdup (process);
  log_set_level (level);
  if (!has_writer)
    g_log_set_writer_func (log_write_glib, NULL, NULL);
  has_writer = TRUE;
}
