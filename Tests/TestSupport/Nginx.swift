import Foundation
import Synchronization

/// nginx, serving a folder over HTTP at an address of its own.
public final class Nginx: Sendable {
  /// Where it listens.
  public let address = TestNetwork.address()
  private let home: String
  private let stage: Stage
  private let isSecure = Mutex(false)

  /// Prepares one.
  public init(on stage: Stage) {
    self.stage = stage
    home = stage.unique("nginx")
  }

  /// The URL of the folder.
  public var url: String { "http\(isSecure.withLock { $0 } ? "s" : "")://\(address)/" }

  /// The certificate of `start` with `isSecure`, which nobody else trusts.
  public var certificate: String { home + "/certificate" }

  /// Starts it, to serve what is in `folder`; with `bytesPerSecond`, each answer as slowly; with `isSecure`, over TLS.
  public func start(serving folder: String, bytesPerSecond: Int = 0, isSecure: Bool = false) async throws {
    self.isSecure.withLock { $0 = isSecure }
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(home)/temp;" }
    if isSecure {
      let made = try await stage.run(
        "openssl",
        [
          "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
          "30",
          "-subj", "/CN=\(address.ip)", "-addext", "subjectAltName=IP:\(address.ip)", "-keyout",
          home + "/key",
          "-out", certificate,
        ])
      guard made.status == .exited(0) else { throw TestFailure("no certificate: \(made.tail)") }
    }
    // One process: in a user namespace there is no other user that workers could become.
    let configuration = """
      daemon off;
      master_process off;
      pid \(home)/pid;
      error_log \(home)/errors;
      events {}
      http {
        \(folders.joined(separator: "\n  "))
        log_format tests '$connection $status $request_uri $http_range';
        access_log \(home)/requests tests;
        server {
          listen \(address)\(isSecure ? " ssl" : "");
          \(isSecure ? "ssl_certificate \(certificate); ssl_certificate_key \(home)/key;" : "")
          root \(folder);
          limit_rate \(bytesPerSecond);
        }
      }
      """
    try writeFile(Array(configuration.utf8), home + "/configuration")
    let process = try stage.start("nginx", ["-c", home + "/configuration", "-e", home + "/errors"])
    try await eventually("nginx listens", within: .seconds(120)) { [address] in
      if let status = process.status { throw TestFailure("nginx ended: \(status)") }
      return (try? await onThread { try Connection(to: address).close() }) != nil
    }
  }

  /// One request that was answered.
  public struct Request: Sendable {
    /// The number of the connection that it came over.
    public let connection: String
    /// The status that it was answered with.
    public let status: String
    /// The path as it was sent.
    public let path: String
    /// What the `Range` field said.
    public let range: String
  }

  /// The requests that it has logged so far.
  public var requests: [Request] {
    let log = (try? String(decoding: readFile(home + "/requests"), as: UTF8.self)) ?? ""
    return log.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      return words.count == 4
        ? Request(connection: words[0], status: words[1], path: words[2], range: words[3]) : nil
    }
  }
}
