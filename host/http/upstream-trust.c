/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-trust: whose word is taken on who an https:// upstream is.
 *
 * GIO knows the system's authorities or those of a file, never both: this
 * database asks the file's first, then the system's.
 */
#include "upstream-trust.h"

typedef struct {
  GTlsDatabase base;
  GTlsDatabase *own;    /* owned */
  GTlsDatabase *system; /* owned */
} UpstreamTrust;

typedef struct {
  GTlsDatabaseClass base;
} UpstreamTrustClass;

static GType upstream_trust_get_type (void);

G_DEFINE_TYPE (UpstreamTrust, upstream_trust, G_TYPE_TLS_DATABASE)

static GTlsCertificateFlags
upstream_trust_verify_chain (GTlsDatabase *base,
                             GTlsCertificate *chain,
                             const char *purpose,
                             GSocketConnectable *identity,
                             GTlsInteraction *interaction,
                             GTlsDatabaseVerifyFlags flags,
                             GCancellable *cancellable,
                             GError **error)
{
  UpstreamTrust *trust = (UpstreamTrust *)base;
  GTlsCertificateFlags faults = g_tls_database_verify_chain (trust->own, chain, purpose, identity,
                                                             interaction, flags, cancellable, NULL);

  /* who is known and has another fault is not made better by somebody else's word */
  if (!(faults & (G_TLS_CERTIFICATE_UNKNOWN_CA | G_TLS_CERTIFICATE_GENERIC_ERROR)))
    return faults;
  return g_tls_database_verify_chain (trust->system, chain, purpose, identity, interaction, flags,
                                      cancellable, error);
}

static void
upstream_trust_finalize (GObject *object)
{
  UpstreamTrust *trust = (UpstreamTrust *)object;

  g_clear_object (&trust->own);
  g_clear_object (&trust->system);
  G_OBJECT_CLASS (upstream_trust_parent_class)->finalize (object);
}

static void
upstream_trust_class_init (UpstreamTrustClass *class)
{
  G_OBJECT_CLASS (class)->finalize = upstream_trust_finalize;
  G_TLS_DATABASE_CLASS (class)->verify_chain = upstream_trust_verify_chain;
}

static void
upstream_trust_init (UpstreamTrust *trust)
{
}

GTlsDatabase *
upstream_trust_new (const char *file, GError **error)
{
  g_autolist (GTlsCertificate) found = NULL;
  GTlsDatabase *own;
  UpstreamTrust *trust;

  /* the database alone would take a file without any certificate */
  found = g_tls_certificate_list_new_from_file (file, error);
  if (found == NULL) {
    if (error != NULL && *error == NULL)
      g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE,
                           "there is no certificate in it");
    return NULL;
  }
  own = g_tls_file_database_new (file, error);
  if (own == NULL)
    return NULL;
  trust = g_object_new (upstream_trust_get_type (), NULL);
  trust->own = own;
  trust->system = g_tls_backend_get_default_database (g_tls_backend_get_default ());
  return G_TLS_DATABASE (trust);
}

const char *
upstream_trust_why (GTlsCertificateFlags flags)
{
  static const struct {
    GTlsCertificateFlags flag;
    const char *why;
  } rows[] = {
    { G_TLS_CERTIFICATE_REVOKED, "the certificate of the upstream was revoked" },
    { G_TLS_CERTIFICATE_UNKNOWN_CA, "the certificate of the upstream is of no known authority" },
    { G_TLS_CERTIFICATE_BAD_IDENTITY, "the certificate of the upstream is of another name" },
    { G_TLS_CERTIFICATE_EXPIRED, "the certificate of the upstream has expired" },
    { G_TLS_CERTIFICATE_NOT_ACTIVATED, "the certificate of the upstream is not valid yet" },
    { G_TLS_CERTIFICATE_INSECURE, "the certificate of the upstream is of a weak kind" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (flags & rows[i].flag)
      return rows[i].why;
  return "the certificate of the upstream is not acceptable";
}
