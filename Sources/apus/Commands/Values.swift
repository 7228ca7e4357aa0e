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

extension TorrentVersion: ArgumentValue {}
extension EncryptionPolicy: ArgumentValue {}
