public import Addresses
public import EventLoop

/// A complete answer, whatever its status.
public struct HTTPReply: Sendable {
  /// The status code of the last answer, after redirects.
  public let status: Int
  /// The body, decompressed.
  public let body: [UInt8]
  /// The URL that answered.
  public let url: String
  /// The address that answered.
  public let address: IPAddress?

  /// Whether the status is one of 200 to 299.
  public var isSuccess: Bool { 200...299 ~= status }
}

/// Bounds of one request; times in seconds.
public struct HTTPLimits: Sendable {
  /// Bytes of body, decompressed, beyond which the request fails.
  public var maximumBytes: Int
  /// From the start to the last byte, redirects included.
  public var timeout: Double
  /// For each connection to come up.
  public var connectTimeout: Double
  /// Redirects that are followed.
  public var maximumRedirects: Int
  /// Restricts the request to one family of addresses (BEP 7 announces over each).
  public var family: AddressFamily

  /// Bounds; the defaults suit an announce.
  public init(
    maximumBytes: Int = 2 << 20, timeout: Double = 30, connectTimeout: Double = 15,
    maximumRedirects: Int = 5, family: AddressFamily = .any
  ) {
    self.maximumBytes = maximumBytes
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.maximumRedirects = maximumRedirects
    self.family = family
  }
}

/// Which addresses of a server may be used.
public enum AddressFamily: Sendable {
  /// Both; the one that answers first wins.
  case any
  /// IPv4 only.
  case v4
  /// IPv6 only.
  case v6
}

/// Why a request has no reply.
public enum HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The URL is malformed, or its scheme (or that of a redirect) is neither http nor https.
  case invalidURL(String)
  /// The host's name has no address.
  case cannotResolve(String)
  /// No connection came up.
  case cannotConnect(String)
  /// The time limit passed.
  case timedOut(String)
  /// The answer is larger than this many bytes of body, or its header is beyond all measure.
  case tooLarge(limit: Int)
  /// More redirects than the limit.
  case tooManyRedirects
  /// TLS failed: no common protocol, or a certificate that is not trusted.
  case insecure(String)
  /// The connection broke, or what came is no HTTP.
  case broken(String)
  /// The client was closed.
  case closed

  /// One line for people.
  public var description: String {
    switch self {
    case .invalidURL(let detail): "the URL cannot be used: \(detail)"
    case .cannotResolve(let detail): "the host is unknown: \(detail)"
    case .cannotConnect(let detail): "no connection: \(detail)"
    case .timedOut(let detail): "no answer in time: \(detail)"
    case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
    case .tooManyRedirects: "too many redirects"
    case .insecure(let detail): "no secure connection: \(detail)"
    case .broken(let detail): "the connection broke: \(detail)"
    case .closed: "the client was closed"
    }
  }
}

/// Called once on the loop when a request has ended, unless it was cancelled.
public typealias HTTPCompletion = (isolated Loop, Result<HTTPReply, HTTPError>) -> Void

/// Who is told how a request ended.
public protocol HTTPReceiver: AnyObject {
  /// The request has ended; called once, on the client's loop.
  func ended(_ transfer: Transfer, _ result: Result<HTTPReply, HTTPError>, on loop: isolated Loop)
}
