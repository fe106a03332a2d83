/* SPDX-License-Identifier: Apache-2.0 */
/* upstream over TLS: who is believed, and that nothing is lost or taken for whole on the way. */
#include "raw-peer.h"

#include <glib/gstdio.h>

/* gcc 12's leak checker falls over the thread-local memory of GIO's TLS module, which is loaded
 * when the program runs already, unless it is told not to look there. */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "intercept_tls_get_addr=0";
}

/* A certificate of "localhost" that nobody else has signed, and its key: for this test alone. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBljCCATugAwIBAgIUaO1SAuztChZsi9ziAlHtPgHPEVwwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE3MjczM1oYDzIxMjYxMDMw\n"
    "MTcyNzMzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAASXG2fNxx/eFAVbBp7mZiSwxqHFkCJcAtKRMhKxFji9TC7BZQh1FEKW\n"
    "U0wBvS1stVnJQjnHDY9wrzRRQbyP/Dhbo2kwZzAdBgNVHQ4EFgQUV2vQMcoGQc33\n"
    "RCdyzAfqAo0AGAEwHwYDVR0jBBgwFoAUV2vQMcoGQc33RCdyzAfqAo0AGAEwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID\n"
    "SQAwRgIhAPd8sZAFPhAIdeNDfXroiFmsKrjYE+NqyHb/E/Q5X6G6AiEAq0bgWAha\n"
    "12uZ94GWWpJ/jEDtgzq23wRxrq6iqzzCusA=\n"
    "-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9dayIgxK+pxF40GX\n"
                          "DgTpwwPoV9u1Odt4FfsHTuNLfKahRANCAASXG2fNxx/eFAVbBp7mZiSwxqHFkCJc\n"
                          "AtKRMhKxFji9TC7BZQh1FEKWU0wBvS1stVnJQjnHDY9wrzRRQbyP/Dhb\n"
                          "-----END PRIVATE KEY-----\n";

/* The same, of January 2020. */
static const char old_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBYDCCAQWgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv\n"
    "c3QwHhcNMjAwMTAxMDAwMDAwWhcNMjAwMjAxMDAwMDAwWjAUMRIwEAYDVQQDDAls\n"
    "b2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQrYKk4cPAr8KAETxNv\n"
    "lFY2dyWTUQuyTgtYsF9VeRovkVCLkmIzyt7AR5a+P+v6FwduPve6YlWAGNe6xBE9\n"
    "vX4lo0gwRjAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAd\n"
    "BgNVHQ4EFgQUl971rowJcarz+PufWEz2+gwjUxowCgYIKoZIzj0EAwIDSQAwRgIh\n"
    "ALBRVUwZ0nLHU/O6zLEhzmF7adDg66Blk4fi3pp3UPQSAiEA6iCDGWDB4OFU26q8\n"
    "NRGUetoQDCIv51XwZwy1lh4akBM=\n"
    "-----END CERTIFICATE-----\n";
static const char old_key[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgw+cIScXaKqCo5cyD\n"
                              "XcfZdiuG2NgFRnd/bgei7MsvAgehRANCAAQrYKk4cPAr8KAETxNvlFY2dyWTUQuy\n"
                              "TgtYsF9VeRovkVCLkmIzyt7AR5a+P+v6FwduPve6YlWAGNe6xBE9vX4l\n"
                              "-----END PRIVATE KEY-----\n";

typedef struct {
  GSocketListener *listener;
  gboolean is_old;
  GThread *thread;
  guint16 port;
  gint connections;
  char *file; /* with the certificate */
} Peer;

#define BIG 1000000

/* Answers one request; FALSE ends the connection. */
static gboolean
peer_answer (GIOStream *stream, const char *request)
{
  GOutputStream *out = g_io_stream_get_output_stream (stream);
  g_autofree char *block = g_strnfill (BIG, 'x');
  const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  if (g_str_has_prefix (request, "GET /cut"))
    text = "HTTP/1.1 200 OK\r\n\r\nabc";
  if (g_str_has_prefix (request, "GET /big"))
    text = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
  if (!g_output_stream_write_all (out, text, strlen (text), NULL, NULL, NULL))
    return FALSE;
  if (g_str_has_prefix (request, "GET /big"))
    return g_output_stream_write_all (out, block, BIG, NULL, NULL, NULL);
  return !g_str_has_prefix (request, "GET /cut");
}

static void
peer_serve (GSocketConnection *socket, GTlsCertificate *identity)
{
  g_autoptr (GIOStream) stream = g_tls_server_connection_new (G_IO_STREAM (socket), identity, NULL);
  g_autoptr (GString) request = g_string_new (NULL);
  char buffer[4096];
  gssize n;

  while ((n = g_input_stream_read (g_io_stream_get_input_stream (stream), buffer, sizeof buffer,
                                   NULL, NULL)) > 0) {
    g_string_append_len (request, buffer, n);
    if (strstr (request->str, "\r\n\r\n") == NULL)
      continue;
    if (!peer_answer (stream, request->str))
      break;
    g_string_truncate (request, 0);
  }
  /* without a goodbye of TLS */
  g_socket_close (g_socket_connection_get_socket (socket), NULL);
}

static gpointer
peer_run (gpointer data)
{
  Peer *peer = data;
  g_autoptr (GTlsCertificate) identity = NULL;
  g_autofree char *pem = g_strconcat (peer->is_old ? old_certificate : certificate,
                                      peer->is_old ? old_key : key, NULL);
  GSocketConnection *socket;

  identity = g_tls_certificate_new_from_pem (pem, -1, NULL);
  g_assert_nonnull (identity);
  while ((socket = g_socket_listener_accept (peer->listener, NULL, NULL, NULL)) != NULL) {
    G_GNUC_UNUSED g_autoptr (GSocketConnection) owned = socket;
    G_GNUC_UNUSED g_autoptr (GSocketAddress) address =
        g_socket_connection_get_local_address (socket, NULL);

    g_atomic_int_inc (&peer->connections);
    /* whoever says nothing at all ends the test */
    if (g_socket_condition_timed_wait (g_socket_connection_get_socket (socket), G_IO_IN, 2000000,
                                       NULL, NULL))
      peer_serve (socket, identity);
    if (g_atomic_int_get (&peer->connections) < 0)
      break;
  }
  return NULL;
}

static Peer *
peer_new (gboolean is_old)
{
  Peer *peer = g_new0 (Peer, 1);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) actual = NULL;

  peer->listener = g_socket_listener_new ();
  g_assert_true (g_socket_listener_add_address (peer->listener, address, G_SOCKET_TYPE_STREAM,
                                                G_SOCKET_PROTOCOL_TCP, NULL, &actual, NULL));
  peer->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (actual));
  peer->file = g_strdup_printf ("%s/upstream-tls-%d.pem", g_get_tmp_dir (), (int)getpid ());
  peer->is_old = is_old;
  g_assert_true (
      g_file_set_contents (peer->file, is_old ? old_certificate : certificate, -1, NULL));
  peer->thread = g_thread_new ("peer", peer_run, peer);
  return peer;
}

static void
peer_free (Peer *peer, Fixture *fixture)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) last = NULL;

  /* its connections end, so that the peer is done with them */
  g_clear_pointer (&fixture->host.upstream, upstream_free);
  /* wakes the accept; closing at once ends the thread */
  g_atomic_int_set (&peer->connections, -100);
  g_socket_client_set_enable_proxy (client, FALSE);
  last = g_socket_client_connect_to_host (client, "127.0.0.1", peer->port, NULL, NULL);
  g_io_stream_close (G_IO_STREAM (last), NULL, NULL);
  g_thread_join (peer->thread);
  g_object_unref (peer->listener);
  g_remove (peer->file);
  g_free (peer->file);
  g_free (peer);
}

static Probe *
peer_ask (Fixture *fixture, Peer *peer, const char *host, const char *path)
{
  g_autofree char *url = g_strdup_printf ("https://%s:%u%s", host, peer->port, path);
  Probe *probe = probe_new_url (fixture, "GET", url);

  return probe;
}

static void
test_upstream_tls_believes_its_authorities (void)
{
  Fixture *fixture = fixture_new ();
  Peer *peer = peer_new (FALSE);
  Probe *probe;

  g_assert_true (upstream_set_authorities (fixture->host.upstream, peer->file, NULL));
  for (guint i = 0; i < 3; i++) {
    probe = peer_ask (fixture, peer, "localhost", "/");
    dae_fetch_send (probe->fetch);
    probe_expect (probe, "200 ok whole");
    probe_free (probe);
    raw_run (10);
  }
  g_assert_cmpint (g_atomic_int_get (&peer->connections), ==, 1);
  peer_free (peer, fixture);
  fixture_free (fixture);
}

static void
test_upstream_tls_believes_nobody_else (void)
{
  static const struct {
    const char *host, *why;
    gboolean is_trusted, is_old;
  } rows[] = {
    { "localhost", "no known authority", FALSE, FALSE },
    { "127.0.0.1", "another name", TRUE, FALSE },
    { "localhost", "expired", TRUE, TRUE },
    { "localhost", "no known authority", FALSE, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Fixture *fixture = fixture_new ();
    Peer *peer = peer_new (rows[i].is_old);
    Probe *probe = peer_ask (fixture, peer, rows[i].host, "/");

    if (rows[i].is_trusted)
      g_assert_true (upstream_set_authorities (fixture->host.upstream, peer->file, NULL));
    dae_fetch_send (probe->fetch);
    probe_expect_end (probe);
    g_assert_cmpint (probe->code, ==, G_TLS_ERROR_BAD_CERTIFICATE);
    if (strstr (probe->seen->str, rows[i].why) == NULL || strstr (probe->seen->str, "200") != NULL)
      g_error ("'%s' for '%s'", probe->seen->str, rows[i].why);
    probe_free (probe);
    peer_free (peer, fixture);
    fixture_free (fixture);
  }
}

/* A file without certificates is a mistake, not an authority that signs nothing. */
static void
test_upstream_tls_wants_certificates (void)
{
  Fixture *fixture = fixture_new ();
  g_autofree char *empty =
      g_strdup_printf ("%s/upstream-tls-none-%d.pem", g_get_tmp_dir (), getpid ());
  g_autoptr (GError) error = NULL, none = NULL;

  g_assert_true (g_file_set_contents (empty, "nothing\n", -1, NULL));
  g_assert_false (upstream_set_authorities (fixture->host.upstream, empty, &error));
  g_assert_nonnull (error);
  g_remove (empty);
  g_assert_false (upstream_set_authorities (fixture->host.upstream, empty, &none));
  g_assert_nonnull (none);
  fixture_free (fixture);
}

static void
test_upstream_tls_brings_all_bytes (void)
{
  Fixture *fixture = fixture_new ();
  Peer *peer = peer_new (FALSE);
  Probe *probe;

  g_assert_true (upstream_set_authorities (fixture->host.upstream, peer->file, NULL));
  probe = peer_ask (fixture, peer, "localhost", "/big");
  probe->pause_in = PROBE_BODY;
  dae_fetch_send (probe->fetch);
  for (guint i = 0; i < 500 && probe->seen->len <= 4; i++)
    raw_run (10);
  g_assert_cmpuint (probe->seen->len, <, BIG);
  dae_fetch_pause (probe->fetch, FALSE);
  probe_expect_end (probe);
  g_assert_cmpuint (probe->seen->len, ==, strlen ("200 ") + BIG + strlen (" whole"));
  probe_free (probe);
  peer_free (peer, fixture);
  fixture_free (fixture);
}

static void
test_upstream_tls_sees_a_cut (void)
{
  Fixture *fixture = fixture_new ();
  Peer *peer = peer_new (FALSE);
  Probe *probe;

  g_assert_true (upstream_set_authorities (fixture->host.upstream, peer->file, NULL));
  probe = peer_ask (fixture, peer, "localhost", "/cut");
  dae_fetch_send (probe->fetch);
  probe_expect (probe, "200 abc partial");
  probe_free (probe);
  peer_free (peer, fixture);
  fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/upstream-tls/" path, test_upstream_tls_##name)
  ADD ("believes-its-authorities", believes_its_authorities);
  ADD ("believes-nobody-else", believes_nobody_else);
  ADD ("wants-certificates", wants_certificates);
  ADD ("brings-all-bytes", brings_all_bytes);
  ADD ("sees-a-cut", sees_a_cut);
  return g_test_run ();
}
