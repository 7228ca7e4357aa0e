import HTTPServer
import JSON

extension TrackerService {
  private static let infoHash: JSONValue = ["type": "string", "pattern": "^[0-9a-f]{40}$"]
  private static let count: JSONValue = ["type": "integer", "minimum": 0]

  private static let torrentSchema: [JSONValue.Member] = [
    .init("info_hash", infoHash), .init("seeds", count), .init("leeches", count),
    .init("downloaded", count),
  ]

  /// All paths of the tracker, those of other files included.
  static let routes: [APIRoute] = [
    APIRoute(
      path: "/api/torrents", summary: "All torrents, a page at a time.",
      parameters: [
        .choice(
          "sort", "What comes first: the most, or the lowest hash.",
          TorrentPage.Order.allCases.map(\.rawValue), usual: "peers"),
        .choice("order", "`reversed` has the last come first.", ["usual", "reversed"], usual: "usual"),
        .number("limit", "Torrents of a page.", 1...1000, usual: 100),
        .text("cursor", "`next` of the page before."),
      ],
      schema: object([
        .init("torrents", ["type": "array", "items": object(torrentSchema)]),
        .init("next", ["type": ["string", "null"]]),
      ])
    ) { $0.torrents($1) },
    APIRoute(
      path: "/api/torrents/{hash}",
      summary: "One torrent with its peers; their addresses for administrators only.",
      parameters: [
        .number("first", "Peers to pass over: `next` of the page before.", 0...1_000_000, usual: 0),
        .number("limit", "Peers of a page.", 0...1000, usual: 100),
      ],
      schema: object(
        torrentSchema + [
          .init("downloaders", count), .init("rate", count),
          .init(
            "pieces",
            object([
              .init("reporting", count), .init("highest", count),
              .init(
                "rarest",
                ["type": "array", "items": object([.init("piece", count), .init("holders", count)])]),
            ])),
          .init(
            "peers",
            [
              "type": "array",
              "items": object([
                .init("address", ["type": "string"]), .init("family", ["enum": [4, 6]]),
                .init("is_seed", ["type": "boolean"]), .init("is_partial_seed", ["type": "boolean"]),
                .init("age", count), .init("pieces", count), .init("rate", count),
                .init("name", ["type": "string"]),
              ]),
            ]),
          .init("next", ["type": ["integer", "null"]]),
        ])
    ) { $0.torrent($1) },
    APIRoute(
      path: "/api/dump", summary: "Everything, a torrent a line, while it is read.", needsToken: true,
      contentType: "application/x-ndjson"
    ) { service, _ in service.dump() },
    APIRoute(path: "/api/openapi.json", summary: "This description.") { _, _ in
      HTTPResponse(json: TrackerService.openAPI)
    },
    APIRoute(
      path: "/announce", summary: "An announce (BEP 3, 7, 23, 24, docs/EXTENSIONS.md), bencoded.",
      contentType: "text/plain"),
    APIRoute(
      method: "POST", path: "/announce",
      summary: "A batch: all torrents of a node at once, bencoded or as JSON (docs/EXTENSIONS.md, X6).",
      contentType: "text/plain"),
    APIRoute(
      path: "/scrape", summary: "Counts of some torrents (BEP 48), bencoded.", contentType: "text/plain"),
    APIRoute(
      method: "POST", path: "/api/admin/reload", summary: "Reads the lists of who may announce what again.",
      needsToken: true),
    APIRoute(path: "/health", summary: "Whether the tracker is well."),
    APIRoute(
      path: "/metrics", summary: "Figures for Prometheus.", contentType: "text/plain"),
    APIRoute(path: "/stats", summary: "What the tracker holds and has done."),
    APIRoute(path: "/", summary: "A page for people.", contentType: "text/html"),
  ]

  /// The description of all of them (OpenAPI 3.1).
  static var openAPI: JSONValue {
    var paths: [JSONValue.Member] = []
    for route in routes {
      let operation = JSONValue.Member(route.method.lowercased(), route.description)
      if let index = paths.firstIndex(where: { $0.name == route.path }),
        case .object(let operations) = paths[index].value
      {
        paths[index].value = .object(operations + [operation])
      } else {
        paths.append(.init(route.path, .object([operation])))
      }
    }
    return [
      "openapi": "3.1.0",
      "info": ["title": "Apus tracker", "version": "1", "summary": "What a tracker knows, as JSON."],
      "paths": .object(paths),
      "components": ["securitySchemes": ["token": ["type": "http", "scheme": "bearer"]]],
    ]
  }

  private static func object(_ properties: [JSONValue.Member]) -> JSONValue {
    ["type": "object", "properties": .object(properties)]
  }
}
