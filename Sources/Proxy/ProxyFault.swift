/// Why a proxy does not lead there; worded for people, and without secrets.
public enum ProxyFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// What answers is no such proxy.
  case malformed
  /// It has none of the ways to say who we are that we have; usually it wants user and password.
  case wantsCredentials
  /// It does not know this user, or that is not the password.
  case refusesCredentials
  /// A SOCKS proxy says no, with this code (RFC 1928, 6).
  case refused(code: UInt8)
  /// An HTTP proxy says no, with this status.
  case status(Int)
  /// It answers with more than any answer needs.
  case tooLong

  /// One line for people.
  public var description: String {
    switch self {
    case .malformed: "what answers is no proxy of this kind"
    case .wantsCredentials: "the proxy wants a user and a password"
    case .refusesCredentials: "the proxy refuses user or password"
    case .refused(let code): "the proxy says: " + Self.words(code)
    case .status(let status): "the proxy answers with status \(status)"
    case .tooLong: "the proxy's answer is too long"
    }
  }

  private static func words(_ code: UInt8) -> String {
    switch code {
    case 1: "general failure"
    case 2: "not allowed"
    case 3: "network unreachable"
    case 4: "host unreachable"
    case 5: "connection refused"
    case 6: "time to live expired"
    case 7: "command not supported"
    case 8: "address type not supported"
    default: "error \(code)"
    }
  }

  /// Whether asking again soon would be of no use: the proxy does not do that, or not for us.
  public var isLasting: Bool {
    switch self {
    case .refused(let code): code == 2 || code == 7 || code == 8
    case .malformed, .wantsCredentials, .refusesCredentials, .tooLong: true
    case .status(let status): status == 405 || status == 407 || status == 501
    }
  }
}
