import Addresses
import Digest
import JSON
import Metainfo

/// A torrent described for people and for programs.
struct TorrentReport {
  private let metainfo: Metainfo
  private var info: Info { metainfo.info }

  init(_ metainfo: Metainfo) { self.metainfo = metainfo }

  /// Rows of label and value, then the files.
  var text: String {
    var rows = LabelledRows()
    rows.add("Name", info.name)
    rows.add("Format", Self.format(info.version))
    rows.add("Info-hash v1", info.infoHashV1?.description)
    rows.add("Info-hash v2", info.infoHashV2?.description)
    rows.add("Size", "\(Figures.size(info.contentLength)) in \(Figures.count(files.count, "file"))")
    rows.add("Pieces", "\(Figures.grouped(info.pieceCount)) of \(Figures.size(Int64(info.pieceLength)))")
    rows.add("Private", info.isPrivate ? "yes, peers only from its trackers" : nil)
    rows.add("Source", info.source)
    rows.add("Created", metainfo.creationDate.map(Figures.date))
    rows.add("Created by", metainfo.createdBy)
    rows.add("Comment", metainfo.comment)
    for (index, tier) in metainfo.trackers.enumerated() {
      rows.add(index == 0 ? "Trackers" : "then", tier.joined(separator: " or "))
    }
    rows.add("Web seeds", metainfo.webSeeds)
    rows.add("DHT nodes", metainfo.nodes.map { "\($0.host):\($0.port)" })
    rows.add("Similar to", metainfo.similar.map(\.description))
    rows.add("Collections", metainfo.collections)
    let missing = metainfo.pieceLayers.missing(in: info).count
    if missing > 0 {
      rows.add("Piece layers", "missing for \(Figures.count(missing, "file")); peers have them")
    }
    return rows.text + "\nFiles\n" + files.map(Self.row).joined()
  }

  /// One object.
  var json: JSONValue {
    var members: [JSONValue.Member] = [
      JSONValue.Member("name", .string(info.name)),
      JSONValue.Member("format", .string(info.version.rawValue)),
      JSONValue.Member("info_hash", .string(info.infoHash.description)),
      JSONValue.Member("info_hash_v1", info.infoHashV1.map { .string($0.description) } ?? .null),
      JSONValue.Member("info_hash_v2", info.infoHashV2.map { .string($0.description) } ?? .null),
      JSONValue.Member("size", .integer(info.contentLength)),
      JSONValue.Member("piece_length", JSONValue(info.pieceLength)),
      JSONValue.Member("pieces", JSONValue(info.pieceCount)),
      JSONValue.Member("private", .bool(info.isPrivate)),
      JSONValue.Member("source", info.source.map(JSONValue.string) ?? .null),
      JSONValue.Member("created", metainfo.creationDate.map(JSONValue.integer) ?? .null),
      JSONValue.Member("created_by", metainfo.createdBy.map(JSONValue.string) ?? .null),
      JSONValue.Member("comment", metainfo.comment.map(JSONValue.string) ?? .null),
      JSONValue.Member("trackers", .array(metainfo.trackers.map { .array($0.map(JSONValue.string)) })),
      JSONValue.Member("web_seeds", .array(metainfo.webSeeds.map(JSONValue.string))),
      JSONValue.Member("nodes", .array(metainfo.nodes.map { .string("\($0.host):\($0.port)") })),
      JSONValue.Member("similar", .array(metainfo.similar.map { .string($0.description) })),
      JSONValue.Member("collections", .array(metainfo.collections.map(JSONValue.string))),
      JSONValue.Member("piece_layers_missing", JSONValue(metainfo.pieceLayers.missing(in: info).count)),
    ]
    members.append(JSONValue.Member("files", .array(files.map(Self.json))))
    return .object(members)
  }

  private var files: [File] { info.files.filter { !$0.isPadding } }

  private static func format(_ version: TorrentVersion) -> String {
    switch version {
    case .v1: "v1"
    case .v2: "v2"
    case .hybrid: "hybrid (v1 and v2)"
    }
  }

  private static func row(_ file: File) -> String {
    var text = Figures.size(file.length).right(12) + "  " + file.path.joined(separator: "/").printable
    switch file.kind {
    case .regular(let isExecutable): text += isExecutable ? " (executable)" : ""
    case .symbolicLink(let target): text += " -> " + target.joined(separator: "/").printable
    case .padding: break
    }
    return text + "\n"
  }

  private static func json(_ file: File) -> JSONValue {
    var members: [JSONValue.Member] = [
      JSONValue.Member("path", .string(file.path.joined(separator: "/"))),
      JSONValue.Member("size", .integer(file.length)),
    ]
    if let root = file.piecesRoot { members.append(JSONValue.Member("root", .string(root.description))) }
    switch file.kind {
    case .regular(let isExecutable):
      if isExecutable { members.append(JSONValue.Member("executable", true)) }
    case .symbolicLink(let target):
      members.append(JSONValue.Member("link", .string(target.joined(separator: "/"))))
    case .padding: break
    }
    return .object(members)
  }
}

/// Lines of a label and a value, the values in a column.
struct LabelledRows {
  private(set) var text = ""
  private static let width = 14

  /// A row; nothing without a value.
  mutating func add(_ label: String, _ value: String?) {
    guard let value else { return }
    text += label.fitted(to: Self.width) + "  " + value.printable + "\n"
  }

  /// A row a value; the label at the first.
  mutating func add(_ label: String, _ values: [String]) {
    for (index, value) in values.enumerated() { add(index == 0 ? label : "", value) }
  }
}
