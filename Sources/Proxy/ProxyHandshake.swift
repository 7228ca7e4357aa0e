import Addresses
import Bytes

/// What is said with a proxy on a new TCP connection, until it leads to the target or, for SOCKS, relays datagrams.
///
/// Sans-I/O. The owner sends what `begin` gives, then reads at most `wanted` bytes at a time and hands them to
/// `receive`: so nothing is read that belongs to what comes behind the handshake.
public struct ProxyHandshake: Sendable {
  /// What follows from what came.
  public enum Step: Sendable, Equatable {
    /// Nothing yet: more bytes are needed.
    case more
    /// These bytes are to be sent; then more are needed.
    case send([UInt8])
    /// The proxy has done it; for datagrams with the relay's address and port as the proxy has it.
    case done(bound: ProxyTarget?)
    /// It will not be.
    case failed(ProxyFault)
  }

  private enum Stage {
    case method, credentials, reply, head, over
  }

  /// Bytes of an HTTP answer's head; none needs as many.
  static let headLimit = 4 << 10

  private let proxy: ProxyURL
  private let target: ProxyTarget
  private let command: UInt8
  private var stage: Stage
  private var bytes: [UInt8] = []
  /// Bytes of answers that are none yet.
  private var interim = 0

  /// To a target by TCP.
  public init(_ proxy: ProxyURL, to target: ProxyTarget) {
    self.proxy = proxy
    self.target = target
    command = 1
    stage = proxy.kind == .http ? .head : .method
  }

  /// For datagrams (UDP ASSOCIATE), which lasts as long as the connection; `nil` where the proxy has no such thing.
  public init?(relayOf proxy: ProxyURL, isV4: Bool) {
    guard proxy.kind == .socks5 else { return nil }
    self.proxy = proxy
    // From which port they will come is not told: translators on the way change it.
    target = .address(Endpoint(isV4 ? .anyV4 : .anyV6, port: 0))
    command = 3
    stage = .method
  }

  /// What is to be sent first.
  public func begin() -> [UInt8] {
    if proxy.kind == .http { return connectRequest }
    return proxy.credentials == nil ? [5, 1, 0] : [5, 2, 0, 2]
  }

  private var connectRequest: [UInt8] {
    var text = "CONNECT \(target.authority) HTTP/1.1\r\nHost: \(target.authority)\r\n"
    if let credentials = proxy.credentials { text += "Proxy-Authorization: \(credentials.basic)\r\n" }
    return Array((text + "\r\n").utf8)
  }

  /// How many bytes to read next at most; 0 once it is over.
  public var wanted: Int {
    switch stage {
    case .method, .credentials: 2 - bytes.count
    case .reply: replySize - bytes.count
    case .head: bytes.last == 10 || endsWith(10, 13) ? 1 : 2
    case .over: 0
    }
  }

  /// Bytes of the reply, as far as they can be known: no reply is shorter than that.
  private var replySize: Int {
    guard bytes.count >= 5 else { return 5 }
    return switch bytes[3] {
    case 1: 10
    case 3: 7 + Int(bytes[4])
    default: 22
    }
  }

  /// Takes what came, at most `wanted` bytes. To be called until it is over.
  public mutating func receive(_ part: RawSpan) -> Step {
    guard part.byteCount <= wanted else { return fail(.malformed) }
    unsafe part.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    return switch stage {
    case .method: methodChosen()
    case .credentials: credentialsAnswered()
    case .reply: replied()
    case .head: headCame()
    case .over: .failed(.malformed)
    }
  }

  private mutating func fail(_ fault: ProxyFault) -> Step {
    stage = .over
    bytes = []
    return .failed(fault)
  }

  private mutating func ask(_ message: [UInt8], _ next: Stage) -> Step {
    stage = next
    bytes = []
    return .send(message)
  }

  private var request: [UInt8] {
    var request: [UInt8] = [5, command, 0]
    request.append(socks: target)
    return request
  }

  private mutating func methodChosen() -> Step {
    guard bytes.first ?? 5 == 5 else { return fail(.malformed) }
    guard bytes.count == 2 else { return .more }
    switch (bytes[1], proxy.credentials) {
    case (0, _): return ask(request, .reply)
    case (2, let credentials?): return ask(credentials.message, .credentials)
    case (255, nil): return fail(.wantsCredentials)
    case (255, _?): return fail(.refusesCredentials)
    default: return fail(.malformed)
    }
  }

  private mutating func credentialsAnswered() -> Step {
    // Some say version 5 here.
    guard bytes.first.map({ $0 == 1 || $0 == 5 }) ?? true else { return fail(.malformed) }
    guard bytes.count == 2 else { return .more }
    guard bytes[1] == 0 else { return fail(.refusesCredentials) }
    return ask(request, .reply)
  }

  private mutating func replied() -> Step {
    guard bytes.first ?? 5 == 5 else { return fail(.malformed) }
    guard bytes.count > 1 else { return .more }
    guard bytes[1] == 0 else { return fail(.refused(code: bytes[1])) }
    guard bytes.count > 3 else { return .more }
    let type = bytes[3]
    guard type == 1 || type == 3 || type == 4 else { return fail(.malformed) }
    guard wanted == 0 else { return .more }
    let bound: ProxyTarget?
    if type == 3 {
      let name = String(decoding: bytes[5..<bytes.count - 2], as: UTF8.self)
      bound = ProxyTarget(host: name, port: bytes.rawBytes.bigEndian(UInt16.self, at: bytes.count - 2))
    } else {
      bound = .address(Endpoint(compact: bytes.rawBytes, at: 4, isV6: type == 4))
    }
    stage = .over
    bytes = []
    return .done(bound: command == 3 ? bound : nil)
  }

  private func endsWith(_ one: UInt8, _ other: UInt8) -> Bool {
    bytes.count >= 2 && bytes[bytes.count - 2] == one && bytes[bytes.count - 1] == other
  }

  private mutating func headCame() -> Step {
    if bytes.count < 10, !zip(bytes, "HTTP/1.".utf8).allSatisfy({ $0 == $1 }) { return fail(.malformed) }
    guard bytes.count <= Self.headLimit else { return fail(.tooLong) }
    guard endsWith(10, 10) || endsWith(13, 10) && bytes.dropLast(2).last == 10 else { return .more }
    let line = bytes.prefix { $0 != 13 && $0 != 10 }
    let words = line.split(separator: 32, omittingEmptySubsequences: false)
    guard words.count >= 2, words[0].count == 8, words[1].count == 3,
      let status = Int(String(decoding: words[1], as: UTF8.self)), status >= 100
    else { return fail(.malformed) }
    switch status {
    case 200...299:
      stage = .over
      bytes = []
      return .done(bound: nil)
    case 100...199 where status != 101:
      // Not the answer yet (RFC 9110, 15.2); all of them together are bounded.
      interim += bytes.count
      bytes = []
      return interim > Self.headLimit ? fail(.tooLong) : .more
    case 407: return fail(proxy.credentials == nil ? .wantsCredentials : .refusesCredentials)
    default: return fail(.status(status))
    }
  }
}
