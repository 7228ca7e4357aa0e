import Addresses
import ArgumentParsing

/// The web servers that a configuration can be printed for.
enum ProxyKind: String, Sendable, CaseIterable, ArgumentValue {
  case nginx
  case caddy
}

/// A piece of configuration for a web server that stands before the tracker, for HTTPS.
enum ProxySnippet {
  static func text(_ kind: ProxyKind, host: String, port: UInt16) -> String {
    switch kind {
    case .nginx: nginx(host, port)
    case .caddy: caddy(host, port)
    }
  }

  private static func nginx(_ host: String, _ port: UInt16) -> String {
    """
    # nginx: HTTPS for a tracker on 127.0.0.1:\(port). UDP cannot go this way: let clients reach it directly.
    # The tracker believes it who asks with 'proxies = ["127.0.0.1"]' and 'proxy-manner = "x-forwarded-for"' in [http].
    upstream apus_tracker {
      server 127.0.0.1:\(port);
      keepalive 32;
    }
    server {
      listen 443 ssl;
      listen [::]:443 ssl;
      server_name \(host);
      ssl_certificate /etc/letsencrypt/live/\(host)/fullchain.pem;
      ssl_certificate_key /etc/letsencrypt/live/\(host)/privkey.pem;
      keepalive_timeout 5s;
      access_log off;
      location / {
        proxy_pass http://apus_tracker;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
      }
    }

    """
  }

  private static func caddy(_ host: String, _ port: UInt16) -> String {
    """
    # Caddy: HTTPS for a tracker on 127.0.0.1:\(port). UDP cannot go this way: let clients reach it directly.
    # The tracker believes it who asks with 'proxies = ["127.0.0.1"]' and 'proxy-manner = "x-forwarded-for"' in [http].
    \(host) {
      reverse_proxy 127.0.0.1:\(port) {
        header_up X-Forwarded-For {remote_host}
      }
    }

    """
  }
}
