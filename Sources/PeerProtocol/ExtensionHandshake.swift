public import Addresses
import Bencode
import Bytes

/// What a peer says about itself in message 0 of the extension protocol (BEP 10).
///
/// A peer may send it again to change its mind: `merge(_:)`. Absent entries are `nil` and change nothing.
public struct ExtensionHandshake: Hashable, Sendable {
  /// The longest payload that is looked at, in bytes.
  public static let maximumSize = 16 << 10

  /// Extension messages by name, with the ids under which the sender wants them; 0 takes one back.
  public var messages: [String: UInt8] = [:]
  /// The client's name and version, for people to read: printable, no more than 64 characters.
  public var client: String?
  /// The port on which the sender takes connections.
  public var port: UInt16?
  /// Requests that the sender queues without dropping any.
  public var requestQueue: Int?
  /// The receiver's address as the sender sees it.
  public var yourAddress: IPAddress?
  /// The sender's IPv4 address.
  public var ipv4: IPAddress?
  /// The sender's IPv6 address.
  public var ipv6: IPAddress?
  /// Bytes of the info dictionary (BEP 9).
  public var metadataSize: Int?
  /// Whether the sender wants nothing more (BEP 21).
  public var isUploadOnly: Bool?
  /// Seconds since the sender completed the torrent.
  public var completeAgo: Int?

  /// An empty handshake, to be filled in.
  public init() {}

  /// The id under which the sender takes the message `name`; `nil` if it does not.
  public func id(of name: String) -> UInt8? {
    guard let id = messages[name], id != 0 else { return nil }
    return id
  }

  /// Takes over what a later handshake of the same peer says.
  public mutating func merge(_ later: ExtensionHandshake) {
    messages.merge(later.messages) { $1 }
    client = later.client ?? client
    port = later.port ?? port
    requestQueue = later.requestQueue ?? requestQueue
    yourAddress = later.yourAddress ?? yourAddress
    ipv4 = later.ipv4 ?? ipv4
    ipv6 = later.ipv6 ?? ipv6
    metadataSize = later.metadataSize ?? metadataSize
    isUploadOnly = later.isUploadOnly ?? isUploadOnly
    completeAgo = later.completeAgo ?? completeAgo
  }
}

extension ExtensionHandshake {
  private static let options = BencodeOptions(
    maximumDepth: 16, maximumItems: 1024, allowsUnsortedKeys: true, allowsTrailingBytes: true)
  /// Extensions that are remembered of one peer, and the longest name; a hostile one could send any number.
  private static let maximumMessages = 64
  private static let maximumName = 64

  /// Reads the payload that follows the message's id.
  ///
  /// Lenient: keys in any order, bytes after the dictionary, and entries of a wrong type or range, which
  /// count as absent. Only what is no dictionary at all, or too large, is a violation. O(n).
  public init(_ payload: RawSpan) throws(Violation) {
    guard payload.byteCount <= Self.maximumSize else {
      throw .malformedExtension(name: "extension handshake")
    }
    let root: BencodeValue
    do {
      root = try BencodeDocument(prefixOf: payload, options: Self.options).root
    } catch {
      throw .malformedExtension(name: "extension handshake")
    }
    guard root.isDictionary else { throw .malformedExtension(name: "extension handshake") }
    if let names = root["m"]?.members {
      for (key, value) in names {
        guard let range = key.stringRange, range.count <= Self.maximumName, let name = key.text,
          let id = value.integer.flatMap(UInt8.init(exactly:)), messages.count < Self.maximumMessages
        else { continue }
        messages[name] = id
      }
    }
    client = root["v"].flatMap(Self.printable)
    port = root["p"]?.integer.flatMap(UInt16.init(exactly:)).flatMap { $0 == 0 ? nil : $0 }
    requestQueue = root["reqq"]?.integer.flatMap(Self.count).flatMap { $0 == 0 ? nil : $0 }
    yourAddress = root["yourip"].flatMap(Self.address)
    ipv4 = root["ipv4"].flatMap(Self.address).flatMap { $0.isV4 ? $0 : nil }
    ipv6 = root["ipv6"].flatMap(Self.address).flatMap { $0.isV4 ? nil : $0 }
    metadataSize = root["metadata_size"]?.integer.flatMap(Self.count).flatMap { $0 == 0 ? nil : $0 }
    isUploadOnly = root["upload_only"]?.integer.map { $0 != 0 }
    completeAgo = root["complete_ago"]?.integer.flatMap(Self.count)
  }

  /// The payload that follows the message's id.
  public func encoded() -> [UInt8] {
    var root: Bencode = [:]
    root["m"] = messages.reduce(into: [:] as Bencode) { $0[$1.key] = .integer(Int64($1.value)) }
    root["v"] = client.map(Bencode.text)
    root["p"] = port.map { .integer(Int64($0)) }
    root["reqq"] = requestQueue.map { .integer(Int64($0)) }
    root["yourip"] = yourAddress.map { .string($0.bytes) }
    root["ipv4"] = ipv4.map { .string($0.bytes) }
    root["ipv6"] = ipv6.map { .string($0.bytes) }
    root["metadata_size"] = metadataSize.map { .integer(Int64($0)) }
    root["upload_only"] = isUploadOnly.map { .integer($0 ? 1 : 0) }
    root["complete_ago"] = completeAgo.map { .integer(Int64($0)) }
    return root.encoded()
  }

  private static func count(_ value: Int64) -> Int? { value >= 0 && value <= 1 << 31 ? Int(value) : nil }

  private static func address(_ value: BencodeValue) -> IPAddress? {
    value.withString { bytes in
      switch bytes.byteCount {
      case 4: IPAddress(bytes, at: 0, isV6: false)
      case 16: IPAddress(bytes, at: 0, isV6: true)
      default: nil
      }
    } ?? nil
  }

  /// A name fit for a terminal: without control characters and marks of direction, and short.
  private static func printable(_ value: BencodeValue) -> String? {
    guard let text = value.text else { return nil }
    var clean = ""
    for scalar in text.unicodeScalars.prefix(64) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
        continue
      default: clean.unicodeScalars.append(scalar)
      }
    }
    return clean.isEmpty ? nil : clean
  }
}
