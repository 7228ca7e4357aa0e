import Addresses
internal import EventLoop
internal import Synchronization

/// The front ends of a tracker, on the same ports: opened, or taken over from the process before.
final class FrontEnds: HandedFrontEnds {
  let http: HTTPFrontEnd?
  let udp: UDPFrontEnd?
  private let core: TrackerCore

  /// Opens all that the configuration wants, or throws and leaves nothing open. What `inherited` has for an endpoint
  /// is used for it, and what is of no use is closed.
  init(_ core: TrackerCore, _ inherited: consuming ListeningSocketSet, secret: [UInt8]? = nil)
    throws(TrackerError)
  {
    let configuration = core.configuration
    self.core = core
    var sockets = inherited
    defer { sockets.close() }
    // A free port of HTTP may be taken by others for UDP: then another free one is tried.
    let hasFreePort = configuration.listen.contains { $0.port == 0 } && sockets.sockets.isEmpty
    var attempts = hasFreePort && configuration.servesHTTP && configuration.servesUDP ? 8 : 1
    while true {
      attempts -= 1
      let http = configuration.servesHTTP ? try HTTPFrontEnd(core, adopting: &sockets) : nil
      do throws(SocketError) {
        udp = try Self.openUDP(core, at: http?.endpoints, &sockets, secret)
        self.http = http
        return
      } catch {
        http?.stop()
        guard attempts > 0 else { throw TrackerError(description: error.description) }
      }
    }
  }

  private static func openUDP(
    _ core: TrackerCore, at endpoints: [Endpoint]?, _ sockets: inout ListeningSocketSet, _ secret: [UInt8]?
  ) throws(SocketError) -> UDPFrontEnd? {
    let configuration = core.configuration
    guard configuration.servesUDP else { return nil }
    var adopted: [UDPFrontEnd.SharedPort] = []
    var missing: [Endpoint] = []
    for endpoint in endpoints ?? configuration.listen {
      let found = sockets.take(.udp, at: endpoint)
      if let first = found.first {
        adopted.append(.init(bound: first.endpoint, descriptors: found.map(\.descriptor)))
      } else {
        missing.append(endpoint)
      }
    }
    do throws(SocketError) {
      return try UDPFrontEnd(listen: missing, adopting: adopted, secret: secret, core: core)
    } catch {
      for descriptor in adopted.flatMap(\.descriptors) { TCP.close(descriptor) }
      throw error
    }
  }

  /// What they listen on, ports filled in; HTTPS not among them.
  var endpoints: [Endpoint] { http?.endpoints ?? udp?.endpoints ?? [] }

  /// Closes everything. Idempotent.
  func stop() {
    udp?.stop()
    http?.stop()
  }

  // MARK: Handing over

  var listeningDescriptors: [Int32] {
    (udp?.descriptors ?? []) + (http?.listeners.flatMap(\.descriptors) ?? [])
  }

  var connectionSecret: [UInt8] { udp?.secret ?? [] }

  func pause() -> [Int32] {
    core.isPaused.store(true, ordering: .relaxed)
    let connections = http?.pause() ?? []
    udp?.pause()
    return connections
  }

  func resume() {
    core.isPaused.store(false, ordering: .relaxed)
    udp?.resume()
    http?.resume()
  }
}
