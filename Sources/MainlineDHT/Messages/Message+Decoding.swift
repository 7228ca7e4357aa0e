import Addresses
public import Bencode
import Bytes
import Digest

/// Why a datagram is no message.
public enum MessageFault: Error, Equatable, Sendable {
  /// It is not bencoded, or has more in it than any message.
  case notBencoded(BencodeError)
  /// It has no transaction id of 32 bytes at most.
  case noTransaction
  /// It is no query, and something that belongs there is missing or of the wrong kind.
  case malformed
  /// It is a query without what belongs there; with its transaction id the sender can be told.
  case malformedQuery(transaction: [UInt8])
}

extension Message {
  /// Datagrams that are longer are passed over unread.
  public static let maximumBytes = 4096
  /// What a datagram may hold at most, of each kind.
  static let limits = (transaction: 32, nodes: 20, peers: 200, samples: 200, token: 64, text: 200)

  private static let options = BencodeOptions(
    maximumDepth: 24, maximumItems: 1200, allowsUnsortedKeys: true, allowsTrailingBytes: true)

  /// Reads a datagram. What is not known is passed over, as are addresses that no node can have; lists that
  /// are too long are cut off.
  public init(_ datagram: [UInt8]) throws(MessageFault) {
    let root: BencodeValue
    do {
      root = try BencodeDocument(datagram, options: Self.options).root
    } catch {
      throw .notBencoded(error)
    }
    guard let transaction = root["t"]?.string, transaction.count <= Self.limits.transaction else {
      throw .noTransaction
    }
    self.transaction = transaction
    version = root["v"]?.string.map { Array($0.prefix(8)) }
    isReadOnly = false
    observed = root["ip"]?.withString { Self.observed($0) } ?? nil
    switch root["y"]?.string ?? [] {
    case [UInt8(ascii: "q")]:
      guard let method = root["q"]?.string, let arguments = root["a"], let id = arguments.nodeID("id") else {
        throw .malformedQuery(transaction: transaction)
      }
      guard let query = Query(method, arguments) else {
        throw .malformedQuery(transaction: transaction)
      }
      content = .query(id: id, query)
      isReadOnly = root["ro"]?.integer == 1
    case [UInt8(ascii: "r")]:
      guard let values = root["r"], let id = values.nodeID("id") else { throw .malformed }
      content = .response(Response(id: id, values))
    case [UInt8(ascii: "e")]:
      let list = root["e"]?.list ?? []
      content = .failure(code: list.first?.integer ?? 0, text: list.last?.string.map(Self.text) ?? "")
    default: throw .malformed
    }
  }

  /// What an error says, as long as it is also when it is written again: what is no UTF-8 becomes longer.
  private static func text(_ bytes: [UInt8]) -> String {
    var text = String(decoding: bytes.prefix(limits.text), as: UTF8.self)
    while text.utf8.count > limits.text { text.unicodeScalars.removeLast() }
    return text
  }

  private static func observed(_ bytes: RawSpan) -> Endpoint? {
    switch bytes.byteCount {
    case 6, 18: Endpoint(compact: bytes, at: 0, isV6: bytes.byteCount == 18)
    default: nil
    }
  }
}

extension Query {
  /// The query that a method and its arguments are; `nil` if one is missing or wrong.
  fileprivate init?(_ method: [UInt8], _ arguments: BencodeValue) {
    let want = arguments.families
    switch String(decoding: method, as: UTF8.self) {
    case "ping": self = .ping
    case "find_node":
      guard let target = arguments.nodeID("target") else { return nil }
      self = .findNode(target: target, want: want)
    case "get_peers":
      guard let infoHash = arguments.nodeID("info_hash") else { return nil }
      self = .getPeers(
        infoHash: infoHash, want: want, noSeeds: arguments["noseed"]?.integer == 1,
        scrape: arguments["scrape"]?.integer == 1)
    case "announce_peer":
      guard let announcement = PeerAnnouncement(arguments) else { return nil }
      self = .announcePeer(announcement)
    case "get":
      guard let target = arguments.nodeID("target") else { return nil }
      self = .get(target: target, sequence: arguments["seq"]?.integer, want: want)
    case "put":
      guard let put = ItemPut(arguments) else { return nil }
      self = .put(put)
    case "sample_infohashes":
      guard let target = arguments.nodeID("target") else { return nil }
      self = .sampleInfohashes(target: target, want: want)
    default: self = .unknown(method: Array(method.prefix(32)))
    }
  }
}

extension PeerAnnouncement {
  fileprivate init?(_ arguments: BencodeValue) {
    guard let infoHash = arguments.nodeID("info_hash"), let token = arguments.token else { return nil }
    let impliesPort = (arguments["implied_port"]?.integer ?? 0) != 0
    let port = arguments["port"]?.integer.flatMap { UInt16(exactly: $0) }
    guard impliesPort || port ?? 0 != 0 else { return nil }
    self.init(
      infoHash: infoHash, port: port ?? 0, impliesPort: impliesPort, isSeed: arguments["seed"]?.integer == 1,
      token: token)
  }
}

extension ItemPut {
  fileprivate init?(_ arguments: BencodeValue) {
    guard let token = arguments.token, let value = arguments["v"]?.bytes else { return nil }
    guard let key = arguments["k"] else {
      self.init(item: .immutable(value), token: token)
      return
    }
    guard let key = key.string, let signature = arguments["sig"]?.string,
      let sequence = arguments["seq"]?.integer
    else { return nil }
    let item = MutableItem(
      key: key, salt: arguments["salt"]?.string ?? [], sequence: sequence, value: value, signature: signature)
    self.init(item: .mutable(item), expectedSequence: arguments["cas"]?.integer, token: token)
  }
}

extension Response {
  fileprivate init(id: NodeID, _ values: BencodeValue) {
    self.init(id: id)
    nodes = values["nodes"].map { $0.nodes(isV6: false) } ?? []
    nodes6 = values["nodes6"].map { $0.nodes(isV6: true) } ?? []
    token = values.token
    for peer in values.elements("values", Message.limits.peers) {
      if let endpoint = peer.compactEndpoint { peers.append(endpoint) }
    }
    seedFilter = values["BFsd"]?.string.flatMap { BloomFilter($0) }
    peerFilter = values["BFpe"]?.string.flatMap { BloomFilter($0) }
    value = values["v"]?.bytes
    key = values["k"]?.string
    signature = values["sig"]?.string
    sequence = values["seq"]?.integer
    sampleCount = values["num"]?.integer
    sampleInterval = values["interval"]?.integer
    samples =
      values["samples"]?.withString { bytes in
        (0..<min(bytes.byteCount / 20, Message.limits.samples)).map { InfoHash(bytes, at: 20 * $0) }
      } ?? nil
  }
}

extension BencodeValue {
  fileprivate func nodeID(_ key: String) -> NodeID? {
    self[key]?.withString { $0.byteCount == NodeID.byteCount ? NodeID($0) : nil } ?? nil
  }

  /// The first elements of the list under a key.
  fileprivate func elements(_ key: String, _ count: Int) -> [BencodeValue] {
    guard let elements = self[key]?.elements else { return [] }
    return Array(elements.prefix(count))
  }

  fileprivate var token: [UInt8]? {
    self["token"]?.string.flatMap { $0.count <= Message.limits.token ? $0 : nil }
  }

  fileprivate var families: AddressFamilies {
    var families: AddressFamilies = []
    for family in elements("want", 4) {
      if family.isString("n4") { families.insert(.v4) }
      if family.isString("n6") { families.insert(.v6) }
    }
    return families
  }

  /// Compact nodes, 26 or 38 bytes each; what cannot be an address of that family is left out.
  fileprivate func nodes(isV6: Bool) -> [NodeAddress] {
    withString { bytes in
      var nodes: [NodeAddress] = []
      let size = NodeID.byteCount + Endpoint.compactSize(isV6: isV6)
      for start in stride(from: 0, through: bytes.byteCount - size, by: size).prefix(Message.limits.nodes) {
        let endpoint = Endpoint(compact: bytes, at: start + NodeID.byteCount, isV6: isV6)
        guard endpoint.canBeSentTo, endpoint.address.isV4 != isV6 else { continue }
        nodes.append(NodeAddress(id: NodeID(bytes, at: start), endpoint: endpoint))
      }
      return nodes
    } ?? []
  }

  fileprivate var compactEndpoint: Endpoint? {
    withString { bytes in
      guard bytes.byteCount == 6 || bytes.byteCount == 18 else { return nil }
      let endpoint = Endpoint(compact: bytes, at: 0, isV6: bytes.byteCount == 18)
      return endpoint.canBeSentTo ? endpoint : nil
    } ?? nil
  }
}

extension Endpoint {
  /// Whether a node or a peer may be there.
  var canBeSentTo: Bool { port != 0 && !address.isUnspecified && !address.isMulticast }
}
