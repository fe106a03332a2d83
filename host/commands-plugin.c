/* SPDX-License-Identifier: Apache-2.0 */
/* commands-plugin: commands that plugins add.
 *
 * "daedalus WORD ..." is a POST to /internal/commands/WORD on the running
 * daedalus's internal socket, with what follows as {"words": [...]}. A plugin
 * adds a command by serving that path; its text is what the command prints.
 */
#include "commands.h"
#include "http/json-write.h"
#include "paths.h"
#include "process/instance.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX     (16 * 1024 * 1024)
#define ANSWER_SECONDS 60

/* Owned. */
static char *
command_request (const Options *options)
{
  JsonWriter *json = json_writer_new (NULL);
  g_autofree char *body = NULL;

  json_write_begin_object (json, NULL);
  json_write_begin_array (json, "words");
  for (char **word = options->words; *word != NULL; word++)
    json_write_text (json, NULL, *word);
  json_write_end (json);
  json_write_end (json);
  body = json_writer_finish (json, NULL);
  return g_strdup_printf ("POST /internal/commands/%s HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n%s",
                          options->command, strlen (body), body);
}

/* What the daedalus on PATH answers, whole: NULL with ERROR. */
static GString *
command_ask (const char *path, const char *request, GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GString) answer = g_string_new (NULL);
  GInputStream *in;

  g_socket_client_set_timeout (client, ANSWER_SECONDS);
  connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, error);
  if (connection == NULL ||
      !g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), request,
                                  strlen (request), NULL, NULL, error))
    return NULL;
  in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  for (char bytes[8192]; answer->len < ANSWER_MAX;) {
    gssize length = g_input_stream_read (in, bytes, sizeof bytes, NULL, error);

    if (length < 0)
      return NULL;
    if (length == 0)
      break;
    g_string_append_len (answer, bytes, length);
  }
  return g_steal_pointer (&answer);
}

static int
command_tell (const Options *options, const char *answer)
{
  const char *body = strstr (answer, "\r\n\r\n");
  int status = g_str_has_prefix (answer, "HTTP/1.1 ") ? atoi (answer + strlen ("HTTP/1.1 ")) : 0;
  g_autofree char *head = body != NULL ? g_ascii_strdown (answer, body - answer) : NULL;

  if (head != NULL && strstr (head, "\r\ncontent-type: text/plain") != NULL) {
    fputs (body + 4, status < 400 ? stdout : stderr);
    return status < 400 ? 0 : 1;
  }
  if (status == 404) {
    fprintf (stderr,
             "daedalus: \"%s\" is not a command\n    Run \"daedalus --help\" for those there "
             "are.\n",
             options->command);
    return EXIT_USAGE;
  }
  fprintf (stderr, "daedalus: \"%s\" was refused (%d)\n    Its log tells why.\n", options->command,
           status);
  return 1;
}

static gboolean
command_is_word (const char *word)
{
  return *word != '\0' && strlen (word) <= 64 &&
         strspn (word, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (word);
}

int
command_of_plugin (Options *options)
{
  g_autoptr (Complaints) ignored = complaints_new (); /* the running one complains better */
  g_autoptr (Config) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) answer = NULL;
  g_autofree char *request = NULL;
  Instance instance = { 0 };
  int status = EXIT_USAGE;

  if (!command_is_word (options->command)) {
    fprintf (stderr, "daedalus: \"%s\" is not a command\n", options->command);
    return EXIT_USAGE;
  }
  for (char **word = options->words; *word != NULL; word++) {
    if (!g_utf8_validate (*word, -1, NULL)) {
      fprintf (stderr, "daedalus: what follows \"%s\" is not UTF-8\n", options->command);
      return EXIT_USAGE;
    }
  }
  config = options_read_config (options, ignored);
  instance_locate (&instance, config);
  request = command_request (options);
  answer = command_ask (instance.internal_socket, request, &error);
  if (answer != NULL)
    status = command_tell (options, answer->str);
  else
    fprintf (stderr,
             "daedalus: \"%s\" is not a command, or one of a plugin, and no running daedalus "
             "answers: %s\n    Run \"daedalus --help\" for those there are; for one of a plugin "
             "start \"daedalus run\", or name its configuration with --config.\n",
             options->command, error->message);
  instance_clear (&instance);
  return status;
}
