import Bytes
import Foundation

/// `apus tracker`.
public final class ApusTracker: Sendable {
  /// Where it serves.
  public let address = TestNetwork.address()
  private let stage: Stage

  /// Prepares one.
  public init(on stage: Stage) { self.stage = stage }

  /// The announce URL.
  public var url: String { url(.http) }

  /// The announce URL of one of the ways to it.
  public func url(_ route: TrackerRoute) -> String {
    switch route {
    case .http: "http://\(address)/announce"
    case .udp: "udp://\(address)/announce"
    case .http6: "http://[::1]:\(address.port)/announce"
    case .udp6: "udp://[::1]:\(address.port)/announce"
    }
  }

  /// Starts it and returns once it takes connections; with `isDual`, on ::1, too.
  @discardableResult
  public func start(
    _ options: [String] = ["--interval", "5"], isDual: Bool = false
  ) async throws -> ChildProcess {
    let more = isDual ? ["--listen", "[::1]:\(address.port)"] : []
    let process = try stage.start(
      ApusClient.executable, ["tracker", "--listen", "\(address)"] + more + options)
    try await eventually("apus tracker listens", within: .seconds(120)) { [address] in
      if let status = process.status { throw TestFailure("apus tracker ended: \(status)") }
      return (try? await onThread { try Connection(to: address).close() }) != nil
    }
    return process
  }

  /// Announces a seed over HTTP; whether it was answered with peers.
  public func announce(_ infoHash: String, port: Int) async throws -> Bool {
    let escaped = ([UInt8](hexadecimal: infoHash) ?? []).map { "%" + [$0].hexadecimal }.joined()
    let query =
      "info_hash=\(escaped)&peer_id=-XX0001-123456789012&port=\(port)&uploaded=0&downloaded=0&left=0"
    let answer = try await onThread { [address] in
      try HTTPExchange("GET", "/announce?\(query)&compact=1", at: address)
    }
    return answer.status == 200 && String(decoding: answer.body, as: UTF8.self).contains("5:peers")
  }

  /// How many seeds it counts for a torrent, by a scrape (BEP 48).
  public func seeds(of infoHash: String) async throws -> Int {
    let escaped = ([UInt8](hexadecimal: infoHash) ?? []).map { "%" + [$0].hexadecimal }.joined()
    let answer = try await onThread { [address] in
      try HTTPExchange("GET", "/scrape?info_hash=\(escaped)", at: address)
    }
    let text = String(decoding: answer.body, as: UTF8.self)
    guard let key = text.range(of: "8:completei") else { return 0 }
    return Int(text[key.upperBound...].prefix { $0.isNumber }) ?? 0
  }
}

/// How a client gets to a tracker.
public enum TrackerRoute: String, Sendable, CaseIterable, CustomStringConvertible {
  case http
  case udp
  case http6
  case udp6

  /// Whether it leads over IPv6, here the machine's own.
  public var isV6: Bool { self == .http6 || self == .udp6 }

  /// The route's name.
  public var description: String { rawValue }
}
