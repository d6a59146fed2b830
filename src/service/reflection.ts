import {
  createRegistry,
  type DescFile,
  type DescMessage,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import * as v1 from "../gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";

/** The two versions have the same fields under other names, so one function serves both. */
type ReflectionQuery = (v1.ServerReflectionRequest | v1alpha.ServerReflectionRequest)["messageRequest"];

/**
 * Serves gRPC server reflection, v1 and v1alpha, for the given services and itself, with all files that they import, and for
 * the details that errors carry, which no service names.
 */
export function routeReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  details: readonly DescMessage[],
): void {
  const respond = createResponder([...services, v1.ServerReflection, v1alpha.ServerReflection], details);
  router.service(v1.ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: respond(request.messageRequest) };
      }
    },
  });
  router.service(v1alpha.ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: respond(request.messageRequest) };
      }
    },
  });
}

function createResponder(services: readonly DescService[], details: readonly DescMessage[]) {
  const files = withDependencies([...services, ...details].map(({ file }) => file));
  const registry = createRegistry(...files);
  const enumValues = enumValueFiles(registry);

  return function respond(query: ReflectionQuery) {
    switch (query.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map((service) => ({ name: service.typeName })) },
        } as const;
      case "fileByFilename":
        return found(files.find((file) => file.proto.name === query.value), `file ${query.value}`);
      case "fileContainingSymbol":
        return found(fileOfSymbol(query.value), `symbol ${query.value}`);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = query.value;
        const extended = registry.getMessage(containingType);
        const extension = extended && registry.getExtensionFor(extended, extensionNumber);
        return found(extension?.file, `extension ${extensionNumber} of ${containingType}`);
      }
      case "allExtensionNumbersOfType": {
        if (!registry.getMessage(query.value)) return failed(Code.NotFound, `type ${query.value}`);
        const numbers = files.flatMap((file) => file.extensions)
          .filter((extension) => extension.extendee.typeName === query.value)
          .map((extension) => extension.number);
        return {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: query.value, extensionNumber: numbers },
        } as const;
      }
      case undefined:
        return failed(Code.InvalidArgument, "message_request is required");
    }
  };

  /** A method or field is found by the type that holds it. */
  function fileOfSymbol(symbol: string): DescFile | undefined {
    return (registry.get(symbol) ?? registry.get(scopeOf(symbol)))?.file ?? enumValues.get(symbol);
  }
}

/** The files of enum values, whose names stand beside their enum rather than in it. */
function enumValueFiles(registry: Registry): Map<string, DescFile> {
  const files = new Map<string, DescFile>();
  for (const type of registry) {
    if (type.kind !== "enum") continue;
    for (const { name } of type.values) files.set(`${scopeOf(type.typeName)}.${name}`, type.file);
  }
  return files;
}

/** What a full name stands in. */
function scopeOf(symbol: string): string {
  return symbol.replace(/\.[^.]*$/, "");
}

function found(file: DescFile | undefined, what: string) {
  if (!file) return failed(Code.NotFound, what);
  const fileDescriptorProto = withDependencies([file]).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } } as const;
}

function failed(errorCode: Code, what: string) {
  const errorMessage = errorCode === Code.NotFound ? `not found: ${what}` : what;
  return { case: "errorResponse", value: { errorCode, errorMessage } } as const;
}

/** The files and all that they import, each once. */
function withDependencies(files: readonly DescFile[]): DescFile[] {
  const seen = new Set<DescFile>();
  const add = (file: DescFile) => {
    if (seen.has(file)) return;
    seen.add(file);
    file.dependencies.forEach(add);
  };
  files.forEach(add);
  return [...seen];
}
