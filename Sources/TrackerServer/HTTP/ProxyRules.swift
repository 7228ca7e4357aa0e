public import Addresses
import Bytes
import HTTPParsing
import HTTPServer

/// Which proxies stand before the tracker, and how they say for whom they speak.
public struct ProxyRules: Sendable {
  /// How a trusted proxy names the client.
  public enum Manner: String, Sendable, Equatable, CaseIterable {
    /// In a header field of each request: `X-Forwarded-For`.
    case forwardedFor = "x-forwarded-for"
    /// In a header field of each request: `Forwarded` (RFC 7239).
    case forwarded
    /// Once, before the first byte of a connection: the PROXY protocol, version 1 or 2.
    case proxyProtocol = "proxy-protocol"
  }

  /// The proxies. Only they are believed, and they must say for whom they speak.
  public var trusted: [AddressPrefix]
  /// How they do so.
  public var manner: Manner

  /// No proxy.
  public init(trusted: [AddressPrefix] = [], manner: Manner = .forwardedFor) {
    self.trusted = trusted
    self.manner = manner
  }

  func isTrusted(_ address: IPAddress) -> Bool {
    for prefix in trusted where prefix.contains(address) { return true }
    return false
  }

  /// The header field to look at, if there is one.
  var field: ForwardedField? {
    guard !trusted.isEmpty else { return nil }
    switch manner {
    case .forwardedFor: return .forwardedFor
    case .forwarded: return .forwarded
    case .proxyProtocol: return nil
    }
  }

  /// Who sent a request that came from `source`; `nil` if that is a proxy that does not say.
  func client(of head: RequestHead, _ bytes: RawSpan, source: IPAddress) -> IPAddress? {
    guard let field, isTrusted(source) else { return source }
    return head.client(of: bytes, by: field) { isTrusted($0) }
  }

  /// The same for a request that the library has read.
  func client(of request: HTTPRequest) -> IPAddress? {
    let source = request.remote.address
    guard let field, isTrusted(source) else { return source }
    guard let value = request.headers[field.rawValue] else { return nil }
    return RequestHead.client(in: value, by: field) { isTrusted($0) }
  }

  static let missing = "the proxy does not say whose request this is"
}
