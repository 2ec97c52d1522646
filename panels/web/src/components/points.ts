// Draws points with WebGL: one call for those that stand out, one for the others, one for the shade of what is not drawn.
import type { Matrix } from "./camera";

const VERTEX = `
attribute vec3 place;
attribute vec4 color;
attribute float size;
attribute float lit;
uniform mat4 view;
uniform float diameter;
uniform float shown;
uniform float depth;
varying vec4 ink;
void main() {
  gl_Position = lit == shown ? view * vec4(place, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = diameter * (0.5 + 1.5 * size) * (depth > 0.0 ? clamp(depth / gl_Position.w, 0.4, 2.5) : 1.0);
  ink = color;
}`;

const FRAGMENT = `
precision mediump float;
uniform float opacity;
uniform float edge;
uniform float solid;
uniform float rim;
varying vec4 ink;
void main() {
  float r = length(gl_PointCoord - 0.5) * 2.0;
  if (r > 1.0) discard;
  float inside = solid > 0.5 ? 1.0 : 1.0 - smoothstep(1.0 - edge, 1.0, r);
  vec3 shaded = ink.rgb * (1.0 - rim * smoothstep(0.6, 1.0, r)); // so that points that overlap can be told apart
  float alpha = ink.a * opacity * inside;
  gl_FragColor = vec4(shaded * alpha, alpha);
}`;

/** What is drawn, in arrays with a part for each point. */
export interface Points {
  places: Float32Array;
  colors: Uint8Array;
  sizes: Uint8Array;
  lit: Uint8Array;
}

export interface Look {
  matrix: Matrix;
  dims: number;
  /** Of an ordinary point, in pixels of the screen. */
  diameter: number;
  /** In space, how far the middle is from the eye. */
  depth: number;
  someLit: boolean;
  tile: number;
}

type Name = "place" | "color" | "size" | "lit";

export class Drawer {
  private gl: WebGLRenderingContext;
  private program: WebGLProgram;
  private buffers = new Map<string, WebGLBuffer>();
  private counts = { points: 0, shade: 0 };

  /** Throws where the browser has no WebGL. */
  constructor(canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl", { alpha: true, antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL");
    this.gl = gl;
    const program = gl.createProgram()!;
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error("no WebGL");
    this.program = program;
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  set(layer: "points" | "shade", points: Partial<Points>): void {
    const { gl } = this;
    if (points.places) this.counts[layer] = points.places.length / 3;
    for (const [name, array] of Object.entries(points)) {
      const key = `${layer}.${name}`;
      if (!this.buffers.has(key)) this.buffers.set(key, gl.createBuffer()!);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.get(key)!);
      gl.bufferData(gl.ARRAY_BUFFER, array as ArrayBufferView, gl.STATIC_DRAW);
    }
  }

  draw(look: Look, withShade: boolean): void {
    const { gl } = this;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.depthMask(true);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const m = look.matrix;
    const columns = [0, 1, 2, 3].flatMap((column) => [m[column], m[4 + column], m[8 + column], m[12 + column]]);
    gl.uniformMatrix4fv(this.uniform("view"), false, columns);
    gl.uniform1f(this.uniform("depth"), look.dims === 3 ? look.depth : 0);
    if (withShade && this.counts.shade) this.layer("shade", { shown: 1, diameter: look.tile, opacity: 0.3, edge: 1, solid: false });
    const space = look.dims === 3;
    if (space) gl.enable(gl.DEPTH_TEST);
    else gl.disable(gl.DEPTH_TEST);
    const lit = () => this.layer("points", { shown: 1, diameter: look.diameter, opacity: space ? 1 : 0.92, edge: 0.35, solid: space });
    const others = () => this.layer("points", { shown: 0, diameter: look.diameter * 0.8, opacity: 0.13, edge: 0.5, solid: false });
    if (!space && look.someLit) others();
    lit();
    gl.depthMask(false);
    if (space && look.someLit) others();
  }

  release(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private layer(layer: "points" | "shade", how: { shown: number; diameter: number; opacity: number; edge: number; solid: boolean }): void {
    const { gl } = this;
    gl.uniform1f(this.uniform("shown"), how.shown);
    gl.uniform1f(this.uniform("diameter"), how.diameter);
    gl.uniform1f(this.uniform("opacity"), how.opacity);
    gl.uniform1f(this.uniform("edge"), how.edge);
    gl.uniform1f(this.uniform("solid"), how.solid ? 1 : 0);
    gl.uniform1f(this.uniform("rim"), layer === "points" ? 0.4 : 0);
    this.attribute(layer, "place", "places", 3, gl.FLOAT, false);
    this.attribute(layer, "color", "colors", 4, gl.UNSIGNED_BYTE, true);
    this.attribute(layer, "size", "sizes", 1, gl.UNSIGNED_BYTE, true);
    this.attribute(layer, "lit", "lit", 1, gl.UNSIGNED_BYTE, false);
    gl.drawArrays(gl.POINTS, 0, this.counts[layer]);
  }

  private attribute(layer: string, name: Name, array: string, size: number, type: number, normalized: boolean): void {
    const { gl } = this;
    const at = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.get(`${layer}.${array}`)!);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, normalized, 0, 0);
  }

  private uniform(name: string): WebGLUniformLocation | null {
    return this.gl.getUniformLocation(this.program, name);
  }
}
