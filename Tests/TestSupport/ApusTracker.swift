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
  public var url: String { "http://\(address)/announce" }

  /// Starts it and returns once it takes connections.
  @discardableResult
  public func start(_ options: [String] = ["--interval", "5"]) async throws -> ChildProcess {
    let process = try stage.start(ApusClient.executable, ["tracker", "--listen", "\(address)"] + options)
    try await eventually("apus tracker listens", within: .seconds(10)) { [address] in
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
