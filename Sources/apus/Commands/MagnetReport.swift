import Bytes
import Digest
import JSON
import Metainfo

/// A magnet link described for people and for programs.
struct MagnetReport {
  private let magnet: Magnet

  init(_ magnet: Magnet) { self.magnet = magnet }

  /// Rows of label and value.
  var text: String {
    var rows = LabelledRows()
    rows.add("Name", magnet.displayName)
    rows.add("Info-hash v1", magnet.infoHashV1?.description)
    rows.add("Info-hash v2", magnet.infoHashV2?.description)
    rows.add("Publisher", magnet.publicKey?.hexadecimal)
    rows.add("Salt", magnet.salt.isEmpty ? nil : magnet.salt.hexadecimal)
    rows.add("Trackers", magnet.trackers)
    rows.add("Web seeds", magnet.webSeeds)
    rows.add("Peers", magnet.peers)
    rows.add(
      "Files", magnet.selection.isEmpty ? nil : magnet.selection.map(Self.range).joined(separator: ", "))
    return rows.text
  }

  /// One object.
  var json: JSONValue {
    [
      "name": magnet.displayName.map(JSONValue.string) ?? .null,
      "info_hash_v1": magnet.infoHashV1.map { .string($0.description) } ?? .null,
      "info_hash_v2": magnet.infoHashV2.map { .string($0.description) } ?? .null,
      "public_key": magnet.publicKey.map { .string($0.hexadecimal) } ?? .null,
      "salt": magnet.publicKey == nil ? .null : .string(magnet.salt.hexadecimal),
      "trackers": .array(magnet.trackers.map(JSONValue.string)),
      "web_seeds": .array(magnet.webSeeds.map(JSONValue.string)),
      "peers": .array(magnet.peers.map(JSONValue.string)),
      "files": .array(magnet.selection.map { [JSONValue($0.lowerBound), JSONValue($0.upperBound)] }),
    ]
  }

  private static func range(_ range: ClosedRange<Int>) -> String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }
}
