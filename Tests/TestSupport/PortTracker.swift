import Bytes
import Foundation
import Synchronization

/// A small HTTP tracker for tests that are not about trackers: it tells each announcer about all the
/// others, and the test about everyone.
///
/// It knows a participant by its port, which no other has, and so its address, wherever the announce
/// came from.
public final class PortTracker: Sendable {
  /// One participant as it last announced itself.
  public struct Announce: Sendable {
    /// Bytes that it said it lacks.
    public var left: Int
    /// Every event that it has sent, in order.
    public var events: [String]
    /// Announces so far.
    public var count: Int
  }

  private struct State {
    var hosts: [UInt16: String] = [:]
    var announces: [UInt16: Announce] = [:]
    /// A hybrid torrent is two swarms: who announces by its v2 hash takes peers that know that hash.
    var swarms: [String: Set<UInt16>] = [:]
  }

  private let state = Mutex(State())
  private let server: Mutex<SocketServer?> = Mutex(nil)
  /// Where it listens.
  public let address: TestAddress

  /// Starts it; its interval is `interval` seconds.
  public init(interval: Int = 5) throws {
    address = TestNetwork.address()
    let started = try SocketServer(at: address) { [weak self] connection in
      guard let target = receiveRequestTarget(connection), let self else { return }
      let body = answer(target, interval: interval)
      let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: \(body.count)\r\n\r\n"
      try? connection.send(Array(head.utf8) + body)
    }
    server.withLock { $0 = started }
  }

  /// The announce URL.
  public var url: String { "http://\(address)/announce" }

  /// Tells where the participant with that port lives. Announces of others are answered with no peers.
  public func add(_ participant: TestAddress) {
    state.withLock { $0.hosts[participant.port] = participant.ip }
  }

  /// What the participant at `address` has announced.
  public func announce(of address: TestAddress) -> Announce? { state.withLock { $0.announces[address.port] } }

  /// Whether the participant has said that it has everything.
  public func isSeeding(_ address: TestAddress) -> Bool { announce(of: address)?.left == 0 }

  /// Stops serving.
  public func stop() { server.withLock { $0.take() }?.stop() }

  private func answer(_ target: String, interval: Int) -> [UInt8] {
    guard target.hasPrefix("/announce?") else { return Array("d5:filesdee".utf8) }
    var fields: [String: String] = [:]
    for pair in target.dropFirst("/announce?".count).split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      // Each client escapes other characters of the info-hash.
      fields[String(parts[0])] = parts.count > 1 ? unescape(parts[1]) : ""
    }
    guard let port = fields["port"].flatMap({ UInt16($0) }) else {
      return Array("d14:failure reason7:no porte".utf8)
    }
    let peers: [UInt8] = state.withLock { state in
      var announce = state.announces[port] ?? Announce(left: 0, events: [], count: 0)
      announce.left = fields["left"].flatMap { Int($0) } ?? -1
      announce.count += 1
      if let event = fields["event"], !event.isEmpty { announce.events.append(event) }
      state.announces[port] = announce
      var swarm = state.swarms[fields["info_hash"] ?? ""] ?? []
      if fields["event"] == "stopped" { swarm.remove(port) } else { swarm.insert(port) }
      state.swarms[fields["info_hash"] ?? ""] = swarm
      return state.hosts.sorted { $0.key < $1.key }
        .filter { $0.key != port && swarm.contains($0.key) }
        .flatMap { TestAddress(ip: $0.value, port: $0.key).compact }
    }
    return Array("d8:intervali\(interval)e5:peers\(peers.count):".utf8) + peers + Array("e".utf8)
  }
}

/// The bytes of a percent-encoded text, in hexadecimal if they are not ASCII.
private func unescape(_ text: Substring) -> String {
  var bytes: [UInt8] = []
  var rest = text.utf8
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "%"), let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
      bytes.append(value)
      rest = rest.dropFirst(2)
    } else {
      bytes.append(byte)
    }
  }
  return bytes.allSatisfy { $0 < 128 } ? String(decoding: bytes, as: UTF8.self) : bytes.hexadecimal
}
