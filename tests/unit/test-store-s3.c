/* SPDX-License-Identifier: Apache-2.0 */
/* What store-s3 signs and understands: AWS's own examples, and answers as stores write them. */
#include "../../plugins/store-s3/store-s3-answer.c"
#include "../../plugins/store-s3/store-s3-sign.c"

/* "Signature Calculations for the Authorization Header", Amazon S3 API Reference */
static void
test_s3_signs_as_aws_does (void)
{
  static const S3Account account = { "AKIAIOSFODNN7EXAMPLE",
                                     "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1" };
  static const struct {
    const char *method, *path, *query, *payload;
    S3Signed headers[6];
    guint n_headers;
    const char *signature;
  } rows[] = {
    { "GET",
      "/test.txt",
      "",
      S3_SIGN_NOTHING,
      { { "host", "examplebucket.s3.amazonaws.com" },
        { "range", "bytes=0-9" },
        { "x-amz-content-sha256", S3_SIGN_NOTHING },
        { "x-amz-date", "20130524T000000Z" } },
      4,
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { "PUT",
      "/test%24file.text",
      "",
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      { { "date", "Fri, 24 May 2013 00:00:00 GMT" },
        { "host", "examplebucket.s3.amazonaws.com" },
        { "x-amz-content-sha256",
          "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" },
        { "x-amz-date", "20130524T000000Z" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
      5,
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
    { "GET",
      "/",
      "lifecycle=",
      S3_SIGN_NOTHING,
      { { "host", "examplebucket.s3.amazonaws.com" },
        { "x-amz-content-sha256", S3_SIGN_NOTHING },
        { "x-amz-date", "20130524T000000Z" } },
      3,
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { "GET",
      "/",
      "max-keys=2&prefix=J",
      S3_SIGN_NOTHING,
      { { "host", "examplebucket.s3.amazonaws.com" },
        { "x-amz-content-sha256", S3_SIGN_NOTHING },
        { "x-amz-date", "20130524T000000Z" } },
      3,
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
  };
  g_autofree char *nothing = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "", 0);

  g_assert_cmpstr (nothing, ==, S3_SIGN_NOTHING);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *value =
        s3_sign (&account, rows[i].method, rows[i].path, rows[i].query, rows[i].headers,
                 rows[i].n_headers, rows[i].payload, "20130524T000000Z");
    const char *start = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                        "aws4_request,SignedHeaders=";

    g_assert_true (g_str_has_prefix (value, start));
    g_assert_cmpstr (strstr (value, "Signature=") + strlen ("Signature="), ==, rows[i].signature);
  }
}

static void
test_s3_encodes_all_but_the_unreserved (void)
{
  g_autofree char *path = s3_sign_encode ("a/b c+\xc3\xa4~-_.*'%&\x7f\n", TRUE);
  g_autofree char *value = s3_sign_encode ("a/b=", FALSE);
  g_autofree char *stamp = s3_sign_stamp (G_GINT64_CONSTANT (1369353600999999));

  g_assert_cmpstr (path, ==, "a/b%20c%2B%C3%A4~-_.%2A%27%25%26%7F%0A");
  g_assert_cmpstr (value, ==, "a%2Fb%3D");
  g_assert_cmpstr (stamp, ==, "20130524T000000Z");
}

static void
test_s3_reads_what_stores_write (void)
{
  static const struct {
    const char *text, *wanted; /* wanted: NULL where it cannot be read */
  } rows[] = {
    { "<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>NoSuchKey</Code><Message>It is "
      "not there &amp; gone</Message><Key>k</Key></Error>",
      "Error code=NoSuchKey message=It is not there & gone" },
    { "  \r\n \n<?xml version=\"1.0\"?><CompleteMultipartUploadResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ETag></ETag>"
      "</CompleteMultipartUploadResult>",
      "CompleteMultipartUploadResult" },
    { "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>2~x/&quot;y</"
      "UploadId></InitiateMultipartUploadResult>",
      "InitiateMultipartUploadResult upload=2~x/\"y" },
    { "<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated><EncodingType>url</"
      "EncodingType><Contents><Key>a%2Fb+c%2B%C3%A4</Key><LastModified>2026-01-02T03:04:05.500Z</"
      "LastModified><ETag>\"e\"</ETag><Size>12</Size><Owner><ID>o</ID></Owner></Contents>"
      "<Contents><Key>z</Key><Size>0</Size></Contents></ListBucketResult>",
      "ListBucketResult more a/b c+\xc3\xa4:12:1767323045500000: z:0:0:" },
    { "<ListBucketResult><Contents><Key>a+b%20</Key><Size>1</Size></Contents></ListBucketResult>",
      "ListBucketResult a+b%20:1:0:" },
    { "<ListMultipartUploadsResult><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</"
      "NextUploadIdMarker><IsTruncated>true</IsTruncated><Upload><Key>k</Key><UploadId>u</"
      "UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated><Owner><ID>i</ID><Key>no</Key>"
      "</Owner></Upload></ListMultipartUploadsResult>",
      "ListMultipartUploadsResult more after=k,u k:0:1767323045000000:u" },
    { "<a>&#0;</a>", NULL },
    { "<a>\xff</a>", NULL },
    { "<a><b></a></b>", NULL },
    { "<a>", NULL },
    { "", NULL },
    { "busy, please wait", NULL },
    { "<a/><b/>", NULL },
    { "<!DOCTYPE html><html><body>no</p></body></html>", NULL },
    { "<L><Contents><Size>1</Size></Contents></L>", NULL },
    { "<L><Contents><Key>k</Key><Size>-1</Size></Contents></L>", NULL },
    { "<L><Contents><Key>k</Key><Size>99999999999999999999</Size></Contents></L>", NULL },
    { "<L><EncodingType>url</EncodingType><Contents><Key>%FF</Key></Contents></L>", NULL },
    { "<L><EncodingType>url</EncodingType><Contents><Key>%0</Key></Contents></L>", NULL },
    { "<L><EncodingType>url</EncodingType><Contents><Key>%00</Key></Contents></L>", NULL },
    { "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></"
      "a></a></a></a></a></a></a></a>",
      NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) said = g_string_new (NULL);
    g_autoptr (GError) error = NULL;
    S3Answer answer;

    if (!s3_answer_read (rows[i].text, strlen (rows[i].text), &answer, &error)) {
      g_assert_nonnull (error);
      g_assert_null (answer.root);
      g_assert_cmpstr (NULL, ==, rows[i].wanted);
      continue;
    }
    g_assert_no_error (error);
    g_string_append (said, answer.root);
    if (answer.code != NULL)
      g_string_append_printf (said, " code=%s message=%s", answer.code, answer.message);
    if (answer.upload_id != NULL)
      g_string_append_printf (said, " upload=%s", answer.upload_id);
    if (answer.truncated)
      g_string_append (said, " more");
    if (answer.next_key != NULL)
      g_string_append_printf (said, " after=%s,%s", answer.next_key, answer.next_upload);
    for (guint k = 0; answer.items != NULL && k < answer.items->len; k++) {
      const S3Item *item = &g_array_index (answer.items, S3Item, k);

      g_string_append_printf (said, " %s:%d:%" G_GINT64_FORMAT ":%s", item->key, (int)item->size,
                              item->time, item->upload_id != NULL ? item->upload_id : "");
    }
    g_assert_cmpstr (said->str, ==, rows[i].wanted);
    s3_answer_clear (&answer);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store-s3/signs-as-aws-does", test_s3_signs_as_aws_does);
  g_test_add_func ("/store-s3/encodes-all-but-the-unreserved",
                   test_s3_encodes_all_but_the_unreserved);
  g_test_add_func ("/store-s3/reads-what-stores-write", test_s3_reads_what_stores_write);
  return g_test_run ();
}
