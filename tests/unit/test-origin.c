/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, whom they mean, and whose page it was. */
#include "http/origin.h"

#include <string.h>

static DaeApi api;

static Request *
new_request (const char *peer, const char *host, const ServerHeader *headers)
{
  RequestHead head = { .id = "made", .method = "POST", .target = "/", .host = host, .peer = peer };

  while (headers && headers[head.n_headers].name)
    head.n_headers++;
  head.headers = headers;
  if (!api.request_ref)
    request_fill_api (&api);
  return request_new (NULL, &api, &head);
}

/* 10.0.0.0/24, fd00::1, 127.0.0.9 and unix */
static gboolean
trusts (const char *address, gpointer data)
{
  return g_str_has_prefix (address, "10.0.0.") || g_str_equal (address, "fd00::1") ||
         g_str_equal (address, "127.0.0.9") || g_str_equal (address, "unix");
}

static OriginRules *
new_rules (const char *listen, const char *hosts, const char *base_url)
{
  g_auto (GStrv) listen_list = g_strsplit (listen, " ", -1);
  g_auto (GStrv) hosts_list = hosts ? g_strsplit (hosts, " ", -1) : NULL;

  return origin_rules_new (
      (const char *const *)listen_list, (const char *const *)hosts_list,
      (const char *const[]){ "http://localhost:6274", "https://Inspect.example", NULL }, base_url,
      trusts, NULL);
}

static void
test_origin_finds_the_client (void)
{
  static const struct {
    const char *name, *peer, *forwarded, *more, *client;
  } rows[] = {
    { "no proxy", "192.0.2.1", NULL, NULL, "192.0.2.1" },
    { "a liar", "192.0.2.1", "198.51.100.7", NULL, "192.0.2.1" },
    { "one hop", "10.0.0.1", "198.51.100.7", NULL, "198.51.100.7" },
    { "forged left of it", "10.0.0.1", "1.2.3.4, 198.51.100.7", NULL, "198.51.100.7" },
    { "two proxies", "10.0.0.1", "1.2.3.4,198.51.100.7 , 10.0.0.2", NULL, "198.51.100.7" },
    { "two headers", "10.0.0.1", "1.2.3.4, 198.51.100.7", "10.0.0.2", "198.51.100.7" },
    { "all trusted", "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3" },
    { "port", "10.0.0.1", "198.51.100.7:4711", NULL, "198.51.100.7" },
    { "ipv6", "10.0.0.1", "[2001:db8::1]:4711", NULL, "2001:db8::1" },
    { "bare ipv6", "fd00::1", "2001:DB8::1", NULL, "2001:db8::1" },
    { "garbage", "10.0.0.1", "1.2.3.4, nobody", NULL, "10.0.0.1" },
    { "garbage behind", "10.0.0.1", "nobody, 10.0.0.2", NULL, "10.0.0.2" },
    { "empty", "10.0.0.1", "", NULL, "10.0.0.1" },
    { "unix", "unix", "198.51.100.7", NULL, "198.51.100.7" },
    { "unix alone", "unix", NULL, NULL, "unix" },
  };
  OriginRules *rules = new_rules ("127.0.0.1:8000", NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader headers[] = { { rows[i].forwarded ? "X-Forwarded-For" : NULL, rows[i].forwarded },
                               { rows[i].more ? "x-forwarded-for" : NULL, rows[i].more },
                               { NULL, NULL } };
    Request *request = new_request (rows[i].peer, "localhost", headers);

    g_test_message ("%s", rows[i].name);
    origin_settle (rules, request);
    g_assert_cmpstr (request->client, ==, rows[i].client);
    dae_request_unref (&request->base);
  }
  origin_rules_free (rules);
}

static void
test_origin_believes_proxies_alone (void)
{
  static const struct {
    const char *peer, *id, *expected;
    gboolean https;
  } rows[] = {
    { "10.0.0.1", "abc.DEF_1-2", "abc.DEF_1-2", TRUE },
    { "192.0.2.1", "abc", "made", FALSE },
    { "10.0.0.1", "a b", "made", TRUE },
    { "10.0.0.1", "", "made", TRUE },
    { "10.0.0.1", "a\"b", "made", TRUE },
  };
  OriginRules *rules = new_rules ("127.0.0.1:8000", NULL, NULL);
  g_autofree char *longest = g_strnfill (128, 'a');
  g_autofree char *longer = g_strnfill (129, 'a');

  for (guint i = 0; i < G_N_ELEMENTS (rows) + 2; i++) {
    gboolean is_row = i < G_N_ELEMENTS (rows);
    const char *id = is_row ? rows[i].id : i == G_N_ELEMENTS (rows) ? longest : longer;
    const char *expected = is_row ? rows[i].expected : id == longest ? longest : "made";
    ServerHeader headers[] = { { "X-Request-Id", id },
                               { "X-Forwarded-Proto", "https" },
                               { NULL, NULL } };
    Request *request = new_request (is_row ? rows[i].peer : "unix", "localhost", headers);

    g_test_message ("%u", i);
    origin_settle (rules, request);
    g_assert_cmpstr (request->id, ==, expected);
    g_assert_cmpint (request->is_https, ==, is_row ? rows[i].https : TRUE);
    g_assert_cmpint (request->is_trusted, ==, is_row ? rows[i].https : TRUE);
    dae_request_unref (&request->base);
  }
  origin_rules_free (rules);
}

static void
test_origin_knows_its_hosts (void)
{
  static const struct {
    const char *listen, *hosts, *base_url, *peer, *host;
    gboolean ours;
  } rows[] = {
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "127.0.0.1:8000", TRUE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "localhost:8000", TRUE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "LocalHost:8000", TRUE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "localhost.:8000", TRUE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "[::1]:8000", TRUE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "localhost", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "localhost:8001", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "evil.example:8000", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "localhost.evil.example:8000", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "192.0.2.1:8000", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", ":8000", FALSE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.1", "localhost:99999", FALSE },
    { "127.0.0.1:0", NULL, NULL, "127.0.0.1", "localhost:4711", TRUE },
    { "127.0.0.1:0", NULL, NULL, "127.0.0.1", "evil.example:4711", FALSE },
    { "127.0.0.1:80", NULL, NULL, "127.0.0.1", "localhost", TRUE },
    { "0.0.0.0:8000", NULL, NULL, "192.0.2.9", "192.0.2.1:8000", TRUE },
    { "0.0.0.0:8000", NULL, NULL, "192.0.2.9", "localhost:8000", TRUE },
    { "0.0.0.0:8000", NULL, NULL, "192.0.2.9", "192.0.2.1", FALSE },
    { "0.0.0.0:8000", NULL, NULL, "192.0.2.9", "evil.example:8000", FALSE },
    { "[::]:8000", NULL, NULL, "192.0.2.9", "[2001:db8::1]:8000", TRUE },
    { "192.0.2.1:8000", NULL, NULL, "192.0.2.9", "192.0.2.1:8000", TRUE },
    { "192.0.2.1:8000", NULL, NULL, "192.0.2.9", "192.0.2.2:8000", FALSE },
    { "192.0.2.1:8000", NULL, NULL, "192.0.2.9", "localhost:8000", FALSE },
    { "192.0.2.1:8000", "d.example other:81", NULL, "192.0.2.9", "d.example:4711", TRUE },
    { "192.0.2.1:8000", "d.example other:81", NULL, "192.0.2.9", "d.example", TRUE },
    { "192.0.2.1:8000", "d.example other:81", NULL, "192.0.2.9", "other:81", TRUE },
    { "192.0.2.1:8000", "d.example other:81", NULL, "192.0.2.9", "other:82", FALSE },
    { "192.0.2.1:8000", "d.example other:81", NULL, "192.0.2.9", "x.d.example", FALSE },
    { "192.0.2.1:8000", NULL, "https://d.example", "192.0.2.9", "d.example", TRUE },
    { "192.0.2.1:8000", NULL, "https://d.example", "192.0.2.9", "d.example:443", TRUE },
    { "192.0.2.1:8000", NULL, "https://d.example", "192.0.2.9", "d.example:8000", FALSE },
    { "192.0.2.1:8000", NULL, "https://d.example:8443/", "192.0.2.9", "d.example:8443", TRUE },
    { "192.0.2.1:8000", NULL, "https://d.example:8443/", "192.0.2.9", "d.example", FALSE },
    { "unix:/run/x", NULL, NULL, "192.0.2.9", "localhost", TRUE },
    { "unix:/run/x", NULL, NULL, "192.0.2.9", "evil.example", FALSE },
    /* a proxy is believed, but on loopback it is not told from a browser */
    { "127.0.0.1:8000", NULL, NULL, "10.0.0.1", "anything", TRUE },
    { "unix:/run/x", NULL, NULL, "unix", "anything", TRUE },
    { "127.0.0.1:8000", NULL, NULL, "127.0.0.9", "evil.example:8000", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    OriginRules *rules = new_rules (rows[i].listen, rows[i].hosts, rows[i].base_url);
    Request *request = new_request (rows[i].peer, rows[i].host, NULL);

    g_test_message ("%s: %s", rows[i].listen, rows[i].host);
    origin_settle (rules, request);
    g_assert_cmpint (origin_is_ours (rules, request), ==, rows[i].ours);
    dae_request_unref (&request->base);
    origin_rules_free (rules);
  }
}

static void
test_origin_tells_sites_apart (void)
{
  static const struct {
    const char *peer, *site, *origin, *proto;
    gboolean same;
  } rows[] = {
    { "192.0.2.1", NULL, NULL, NULL, TRUE },
    { "192.0.2.1", "same-origin", NULL, NULL, TRUE },
    { "192.0.2.1", "none", "http://evil.example", NULL, TRUE },
    { "192.0.2.1", "same-site", "http://d.example", NULL, FALSE },
    { "192.0.2.1", "cross-site", NULL, NULL, FALSE },
    { "192.0.2.1", "", NULL, NULL, FALSE },
    { "192.0.2.1", NULL, "http://d.example:8000", NULL, TRUE },
    { "192.0.2.1", NULL, "HTTP://D.example:8000", NULL, TRUE },
    { "192.0.2.1", NULL, "http://d.example", NULL, FALSE },
    { "192.0.2.1", NULL, "https://d.example:8000", NULL, FALSE },
    { "10.0.0.1", NULL, "https://d.example:8000", "https", TRUE },
    { "192.0.2.1", NULL, "https://public.example", NULL, TRUE },
    { "192.0.2.1", NULL, "https://public.example:443", NULL, TRUE },
    { "192.0.2.1", NULL, "http://public.example", NULL, FALSE },
    { "192.0.2.1", NULL, "null", NULL, FALSE },
    { "192.0.2.1", NULL, "", NULL, FALSE },
    { "192.0.2.1", NULL, "http://d.example:8000.evil.example", NULL, FALSE },
  };
  OriginRules *rules = new_rules ("127.0.0.1:8000", "d.example", "https://public.example");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader headers[4] = { { NULL, NULL } };
    Request *request;
    guint n = 0;

    if (rows[i].site)
      headers[n++] = (ServerHeader){ "Sec-Fetch-Site", rows[i].site };
    if (rows[i].origin)
      headers[n++] = (ServerHeader){ "Origin", rows[i].origin };
    if (rows[i].proto)
      headers[n++] = (ServerHeader){ "X-Forwarded-Proto", rows[i].proto };
    g_test_message ("%u", i);
    request = new_request (rows[i].peer, "d.example:8000", headers);
    origin_settle (rules, request);
    g_assert_cmpint (origin_is_same_site (rules, request), ==, rows[i].same);
    dae_request_unref (&request->base);
  }
  origin_rules_free (rules);
}

static void
test_origin_doubled_headers_are_foreign (void)
{
  const ServerHeader sites[] = { { "Sec-Fetch-Site", "same-origin" },
                                 { "Sec-Fetch-Site", "same-origin" },
                                 { 0 } };
  const ServerHeader origins[] = { { "Origin", "http://a:1" }, { "Origin", "http://a:1" }, { 0 } };
  OriginRules *rules = new_rules ("a:1", NULL, NULL);
  Request *request = new_request ("192.0.2.1", "a:1", sites);

  g_assert_false (origin_is_same_site (rules, request));
  dae_request_unref (&request->base);
  request = new_request ("192.0.2.1", "a:1", origins);
  g_assert_false (origin_is_same_site (rules, request));
  dae_request_unref (&request->base);
  origin_rules_free (rules);
}

static void
test_origin_knows_pages_that_may_use_mcp (void)
{
  static const struct {
    const char *origin;
    gboolean listed;
  } rows[] = {
    { "http://localhost:6274", TRUE },
    { "http://localhost", FALSE },
    { "https://localhost:6274", FALSE },
    { "https://inspect.example", TRUE },
    { "https://inspect.example:443", TRUE },
    { "https://inspect.example.evil.example", FALSE },
    { "null", FALSE },
    { "", FALSE },
  };
  OriginRules *rules = new_rules ("127.0.0.1:8000", NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ServerHeader headers[] = { { "Origin", rows[i].origin }, { NULL, NULL } };
    Request *request = new_request ("192.0.2.1", "127.0.0.1:8000", headers);

    g_assert_cmpstr (origin_of_mcp_page (rules, request), ==,
                     rows[i].listed ? rows[i].origin : NULL);
    dae_request_unref (&request->base);
  }
  origin_rules_free (rules);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/origin/finds-the-client", test_origin_finds_the_client);
  g_test_add_func ("/origin/believes-proxies-alone", test_origin_believes_proxies_alone);
  g_test_add_func ("/origin/knows-its-hosts", test_origin_knows_its_hosts);
  g_test_add_func ("/origin/tells-sites-apart", test_origin_tells_sites_apart);
  g_test_add_func ("/origin/doubled-headers-are-foreign", test_origin_doubled_headers_are_foreign);
  g_test_add_func ("/origin/knows-pages-that-may-use-mcp",
                   test_origin_knows_pages_that_may_use_mcp);
  return g_test_run ();
}
