import Addresses
import Foundation
import TestSupport
import Testing

@testable import HTTPServer
@testable import TrackerServer

@Suite("HTTPS", .timeLimit(.minutes(1)))
struct HTTPSTests {
  /// Two self-signed certificates, `one.test` and `two.test`, for a hundred years.
  static let identities = [
    TLSIdentity(
      certificates: """
        -----BEGIN CERTIFICATE-----
        MIIBmDCCAT6gAwIBAgIUCU75GaDxjf/S/rnjlSCdfQnc52cwCgYIKoZIzj0EAwIw
        EzERMA8GA1UEAwwIb25lLnRlc3QwIBcNMjYxMTIwMTI1OTIyWhgPMjEyNjEwMjcx
        MjU5MjJaMBMxETAPBgNVBAMMCG9uZS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEpzPsbrDKk7dEegaJzHfV+xzWtIfnmFNCpeiNgSZB/RvDQ0HS2N5gz4eP
        nsruBF1knHEX31g/Cm/3dJOcOpP826NuMGwwHQYDVR0OBBYEFGHKE0nKuQMPO7y7
        nRWuw55LiwOEMB8GA1UdIwQYMBaAFGHKE0nKuQMPO7y7nRWuw55LiwOEMA8GA1Ud
        EwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIIb25lLnRlc3SHBH8AAAEwCgYIKoZIzj0E
        AwIDSAAwRQIhAPiP+gZJCdAZ7UqKyzUqKuLXicbG3V/kFmmVEdMmyXoBAiBWFovx
        Cwc2AiVZu37cSdNmr0uEhGsDLsncFH1bDXKYaw==
        -----END CERTIFICATE-----

        """,
      key: """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4TdbE0Y/1/tK/75D
        +0cHiTTBUx9DSsX4KV/6ka/Yq0yhRANCAASnM+xusMqTt0R6BonMd9X7HNa0h+eY
        U0Kl6I2BJkH9G8NDQdLY3mDPh4+eyu4EXWSccRffWD8Kb/d0k5w6k/zb
        -----END PRIVATE KEY-----

        """),
    TLSIdentity(
      certificates: """
        -----BEGIN CERTIFICATE-----
        MIIBlzCCAT6gAwIBAgIUU5j0ABd+DOc/oogwDUqHt7y3DYIwCgYIKoZIzj0EAwIw
        EzERMA8GA1UEAwwIdHdvLnRlc3QwIBcNMjYxMTIwMTI1OTIyWhgPMjEyNjEwMjcx
        MjU5MjJaMBMxETAPBgNVBAMMCHR3by50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEDppXCdyP2SSL/sXkQ6ncu2/NNNrrxJZU3ew0/Qgmi3Pn6vfz2W3o9K6d
        EUhIYYQeAg/kXezumCM58Ei0TbvdR6NuMGwwHQYDVR0OBBYEFIUXbbunpFEi+xiv
        mQ+x3EsSx4MiMB8GA1UdIwQYMBaAFIUXbbunpFEi+xivmQ+x3EsSx4MiMA8GA1Ud
        EwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIIdHdvLnRlc3SHBH8AAAEwCgYIKoZIzj0E
        AwIDRwAwRAIgSnAtWdXi5FF75fvURMOaE1DjUZSjpRwhxrjzSbCHY4wCIBS0PcA0
        NJDEIMRn6U3mOHYQzwLIDipNCmnvqqytaS+W
        -----END CERTIFICATE-----

        """,
      key: """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7RiKWGXG/e5GhKLg
        NQVzb/LdGpaLg+fKYUXjmetJrB+hRANCAAQOmlcJ3I/ZJIv+xeRDqdy7b8002uvE
        llTd7DT9CCaLc+fq9/PZbej0rp0RSEhhhB4CD+Rd7O6YIznwSLRNu91H
        -----END PRIVATE KEY-----

        """),
  ]

  /// Announces twice on each of two connections, the second opened when a line comes in; prints the lengths of the
  /// certificates and of the answers.
  static let client = """
    import socket, ssl, sys, time
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port, target = int(sys.argv[1]), sys.argv[2]
    def connect():
        connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))
        name = connection.getpeercert(True)
        print("one" if b"one.test" in name else "two" if b"two.test" in name else "?", flush=True)
        return connection
    def announce(connection):
        connection.sendall(("GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % target).encode())
        data = b""
        while b"min interval" not in data:
            part = connection.recv(65536)
            if not part: break
            data += part
        print(data.split(b"\\r\\n")[0].decode(), b"external ip4:\\x7f" in data, flush=True)
    first = connect()
    announce(first)
    sys.stdin.readline()
    second = connect()
    announce(second)
    announce(first)
    """

  @Test("Announces over TLS, and a certificate that is replaced while connections are open")
  func reload() async throws {
    try await withStage { stage in
      let folder = stage.folder.path
      func write(_ identity: TLSIdentity) throws {
        try Data(identity.certificates.utf8).write(to: URL(fileURLWithPath: folder + "/crt"))
        try Data(identity.key.utf8).write(to: URL(fileURLWithPath: folder + "/key"))
      }
      try write(Self.identities[0])
      var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 60)
      configuration.listenSecurely = [Endpoint(.loopbackV4, port: 0)]
      configuration.identity = TLSFiles(certificates: folder + "/crt", key: folder + "/key")
      let tracker = try Tracker(configuration)
      defer { tracker.stop() }
      let port = tracker.secureEndpoints[0].port
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["python3", "-c", Self.client, "\(port)", announceTarget()]
      let (input, output) = (Pipe(), Pipe())
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      defer { process.terminate() }
      var text = ""
      func lines(_ count: Int) {
        while text.utf8.count(where: { $0 == UInt8(ascii: "\n") }) < count {
          let more = output.fileHandleForReading.availableData
          guard !more.isEmpty else { return }
          text += String(decoding: more, as: UTF8.self)
        }
      }
      lines(2)
      // A key without its certificate changes nothing.
      try Data(Self.identities[1].key.utf8).write(to: URL(fileURLWithPath: folder + "/key"))
      #expect(throws: TrackerError.self) { try tracker.reloadIdentity() }
      try write(Self.identities[1])
      try tracker.reloadIdentity()
      input.fileHandleForWriting.write(Data("\n".utf8))
      lines(5)
      process.waitUntilExit()
      let answer = "HTTP/1.1 200 OK True"
      #expect(text.split(separator: "\n").map(String.init) == ["one", answer, "two", answer, answer])
    }
  }

  @Test("Without files, or with files that are none, a tracker with HTTPS does not start")
  func files() throws {
    var configuration = TrackerConfiguration(listen: [], interval: 60)
    configuration.listenSecurely = [Endpoint(.loopbackV4, port: 0)]
    #expect(throws: TrackerError.self) { try Tracker(configuration) }
    configuration.identity = TLSFiles(certificates: "/nowhere/crt", key: "/nowhere/key")
    let missing = #expect(throws: TrackerError.self) { try Tracker(configuration) }
    #expect(missing?.description == "cannot read /nowhere/crt: No such file or directory")
    configuration.identity = TLSFiles(certificates: "/etc/passwd", key: "/etc/passwd")
    #expect(throws: TrackerError.self) { try Tracker(configuration) }
  }
}
