public import Addresses
public import ArgumentParsing
public import Encryption
public import Metainfo

extension Endpoint: ArgumentValue {
  /// Reads `192.0.2.1:6881` or `[2001:db8::1]:6881`.
  public init(argument: String) throws(ValueError) {
    guard let endpoint = Endpoint(argument) else {
      throw ValueError("is no address and port such as 192.0.2.1:6881 or [::1]:6881")
    }
    self = endpoint
  }

  /// The same form.
  public var argumentText: String { description }
}

extension AddressPrefix: ArgumentValue {
  /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
  public init(argument: String) throws(ValueError) {
    guard let prefix = AddressPrefix(argument) else {
      throw ValueError("is no address and no block of addresses such as 10.0.0.0/8")
    }
    self = prefix
  }

  /// The same form.
  public var argumentText: String { description }
}

extension Node: ArgumentValue {
  /// Reads `router.example:6881`, `192.0.2.1:6881` or `[2001:db8::1]:6881`.
  public init(argument: String) throws(ValueError) {
    guard let node = Node(argument) else {
      throw ValueError("is no host and port such as router.example:6881")
    }
    self = node
  }

  init?(_ text: String) {
    if let endpoint = Endpoint(text) {
      guard endpoint.port > 0 else { return nil }
      self.init(host: endpoint.address.description, port: endpoint.port)
      return
    }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
    else { return nil }
    let host = String(text[..<colon])
    guard !host.isEmpty, host.utf8.count <= 253, !host.contains(where: { ":[] /".contains($0) }) else {
      return nil
    }
    self.init(host: host, port: port)
  }

  /// The same form.
  public var argumentText: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension TorrentVersion: ArgumentValue {}
extension EncryptionPolicy: ArgumentValue {}
