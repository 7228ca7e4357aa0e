public import Addresses
import Bencode
import Bytes

/// A message of `ut_pex`: whom its sender has connected to, and lost, since the last one (BEP 11).
public struct PeerExchangeMessage: Hashable, Sendable {
  /// What is known of a peer.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The byte on the wire.
    public let rawValue: UInt8
    /// From the byte; unknown bits are kept.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// It prefers encryption.
    public static let prefersEncryption = Flags(rawValue: 0x01)
    /// It has everything, or wants nothing more.
    public static let seed = Flags(rawValue: 0x02)
    /// It takes uTP.
    public static let utp = Flags(rawValue: 0x04)
    /// It takes part in hole punching (BEP 55).
    public static let holepunch = Flags(rawValue: 0x08)
    /// It was reached by connecting to it.
    public static let reachable = Flags(rawValue: 0x10)
  }

  /// A peer and what is known of it.
  public struct Contact: Hashable, Sendable {
    /// Where it listens.
    public var endpoint: Endpoint
    /// What is known of it.
    public var flags: Flags

    /// Puts both together.
    public init(_ endpoint: Endpoint, _ flags: Flags = []) {
      self.endpoint = endpoint
      self.flags = flags
    }
  }

  /// Peers in each half of a message at most, of both address families together.
  public static let limit = 50
  /// Peers in each half that are read; others send up to 50 of each family.
  public static let readLimit = 100
  /// The longest payload that is looked at, in bytes.
  public static let maximumSize = 8 << 10

  /// Peers that the sender has connected to.
  public var added: [Contact]
  /// Peers whose connection has ended.
  public var dropped: [Endpoint]

  /// Puts a message together.
  public init(added: [Contact] = [], dropped: [Endpoint] = []) {
    self.added = added
    self.dropped = dropped
  }

  private static let options = BencodeOptions(
    maximumDepth: 4, maximumItems: 64, allowsUnsortedKeys: true, allowsTrailingBytes: true)

  /// Reads the payload that follows the message's id. Addresses are taken as they are; what goes beyond
  /// `readLimit` is passed over. O(n).
  public init(_ payload: RawSpan) throws(Violation) {
    let malformed = Violation.malformedExtension(name: ExtensionKind.peerExchange.name)
    guard payload.byteCount <= Self.maximumSize else { throw malformed }
    let root: BencodeValue
    do {
      root = try BencodeDocument(prefixOf: payload, options: Self.options).root
    } catch {
      throw malformed
    }
    guard root.isDictionary else { throw malformed }
    self.init()
    for (key, isV6) in [("added", false), ("added6", true)] {
      let flags = root[key + ".f"]?.string ?? []
      for (index, endpoint) in Self.endpoints(root[key], isV6: isV6).enumerated()
      where added.count < Self.readLimit {
        added.append(Contact(endpoint, Flags(rawValue: index < flags.count ? flags[index] : 0)))
      }
    }
    for (key, isV6) in [("dropped", false), ("dropped6", true)] {
      dropped += Self.endpoints(root[key], isV6: isV6).prefix(Self.readLimit - dropped.count)
    }
  }

  private static func endpoints(_ value: BencodeValue?, isV6: Bool) -> [Endpoint] {
    value?.withString { bytes in
      let size = Endpoint.compactSize(isV6: isV6)
      return (0..<bytes.byteCount / size).map { Endpoint(compact: bytes, at: $0 * size, isV6: isV6) }
    } ?? []
  }

  /// The payload that follows the message's id; IPv4 and IPv6 in strings of their own.
  public func encoded() -> [UInt8] {
    var root: Bencode = [:]
    for (suffix, isV4) in [("", true), ("6", false)] {
      let contacts = added.filter { $0.endpoint.address.isV4 == isV4 }
      root["added" + suffix] = .string(Self.compact(contacts.map(\.endpoint)))
      root["added\(suffix).f"] = .string(contacts.map(\.flags.rawValue))
      root["dropped" + suffix] = .string(Self.compact(dropped.filter { $0.address.isV4 == isV4 }))
    }
    return root.encoded()
  }

  private static func compact(_ endpoints: [Endpoint]) -> [UInt8] {
    var bytes: [UInt8] = []
    for endpoint in endpoints { endpoint.appendCompact(to: &bytes) }
    return bytes
  }
}
