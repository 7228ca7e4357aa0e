import Addresses
import Bencode
import Bytes

/// What a DHT remembers from one run to the next: its ids and the nodes that answered.
///
/// As a file: a line that names the format, a bencoded dictionary, and the CRC-32C of both in four bytes.
public struct DHTState: Equatable, Sendable {
  /// Nodes that are kept, of each family.
  public static let maximumNodes = 200
  /// Bytes of a file at most.
  public static let maximumBytes = 64 << 10
  private static let heading = Array("apus dht 1\n".utf8)

  /// The ids of the IPv4 and the IPv6 node.
  public var id: NodeID?
  /// See `id`.
  public var id6: NodeID?
  /// Nodes, the nearest first.
  public var nodes: [NodeAddress] = []
  /// See `nodes`.
  public var nodes6: [NodeAddress] = []

  /// Nothing.
  public init() {}

  /// Reads a file; `nil` if it is not whole or of another format.
  public init?(file bytes: [UInt8]) {
    let end = bytes.count - 4
    guard bytes.count <= Self.maximumBytes, end > Self.heading.count, bytes.starts(with: Self.heading),
      CRC32C.of(bytes.rawBytes.extracting(0..<end)) == bytes.rawBytes.bigEndian(UInt32.self, at: end),
      let root = try? BencodeDocument(Array(bytes[Self.heading.count..<end])).root
    else { return nil }
    id = root["id"]?.string.flatMap { NodeID($0) }
    id6 = root["id6"]?.string.flatMap { NodeID($0) }
    nodes = Self.nodes(root["nodes"], isV6: false)
    nodes6 = Self.nodes(root["nodes6"], isV6: true)
  }

  /// The file's content.
  public var file: [UInt8] {
    var root: Bencode = ["nodes": Self.bencode(nodes), "nodes6": Self.bencode(nodes6)]
    if let id { root["id"] = .string(id.bytes) }
    if let id6 { root["id6"] = .string(id6.bytes) }
    var bytes = Self.heading
    root.append(to: &bytes)
    bytes.append(bigEndian: CRC32C.of(bytes.rawBytes))
    return bytes
  }

  private static func bencode(_ nodes: [NodeAddress]) -> Bencode {
    var bytes: [UInt8] = []
    for node in nodes.prefix(maximumNodes) {
      node.id.append(to: &bytes)
      node.endpoint.appendCompact(to: &bytes)
    }
    return .string(bytes)
  }

  private static func nodes(_ value: BencodeValue?, isV6: Bool) -> [NodeAddress] {
    value?.withString { bytes in
      let size = NodeID.byteCount + Endpoint.compactSize(isV6: isV6)
      var nodes: [NodeAddress] = []
      for start in stride(from: 0, through: bytes.byteCount - size, by: size).prefix(maximumNodes) {
        let endpoint = Endpoint(compact: bytes, at: start + NodeID.byteCount, isV6: isV6)
        guard endpoint.canBeSentTo, endpoint.address.isV4 != isV6 else { continue }
        nodes.append(NodeAddress(id: NodeID(bytes, at: start), endpoint: endpoint))
      }
      return nodes
    } ?? []
  }
}
