// Where a scatter is looked at from. A matrix has 16 numbers, row by row, and takes places (shares of the map's side) to
// clip coordinates, as OpenGL has them.

export interface Camera {
  /** The place in the middle. */
  x: number;
  y: number;
  z: number;
  /** 1 shows the whole map. */
  zoom: number;
  /** In space, radians: around the upright axis, and up. */
  yaw: number;
  pitch: number;
}

export const START: Camera = { x: 0.5, y: 0.5, z: 0.5, zoom: 1, yaw: 0.6, pitch: 0.35 };
const NARROW = 2.6; // 1 / tan(half the field of view)
const DISTANCE = 2.9; // of the eye from the middle at zoom 1, in the reach of the points
const FILLED = 0.9; // share of the shorter side that the map takes at zoom 1

export type Matrix = number[];

/** How far the eye is from the middle, for points that reach so far from it. */
export const distanceOf = (camera: Camera, reach: number): number => (DISTANCE * reach) / camera.zoom;

export function matrixOf(camera: Camera, dims: number, reach: number, width: number, height: number): Matrix {
  const short = Math.max(1, Math.min(width, height));
  if (dims === 2) {
    const sx = (2 * FILLED * camera.zoom * short) / width;
    const sy = (2 * FILLED * camera.zoom * short) / height;
    return [sx, 0, 0, -camera.x * sx, 0, sy, 0, -camera.y * sy, 0, 0, 0, 0, 0, 0, 0, 1];
  }
  const { right, up, back } = axes(camera);
  const distance = distanceOf(camera, reach);
  const sx = (NARROW * short) / width;
  const sy = (NARROW * short) / height;
  const near = Math.max(0.02, distance - 1.8);
  const far = distance + 1.8;
  const a = (far + near) / (far - near);
  const b = (-2 * far * near) / (far - near);
  const middle = [camera.x, camera.y, camera.z];
  const depth = [-back[0], -back[1], -back[2]];
  const shift = distance - dot(depth, middle);
  const row = (axis: number[], scale: number): number[] => [...axis.map((one) => one * scale), -dot(axis, middle) * scale];
  return [...row(right, sx), ...row(up, sy), ...depth.map((one) => one * a), shift * a + b, ...depth, shift];
}

/** Where a place is on the screen, in pixels from the upper left, and how far; null behind the eye. */
export function place(matrix: Matrix, x: number, y: number, z: number, width: number, height: number): [number, number, number] | null {
  const w = matrix[12] * x + matrix[13] * y + matrix[14] * z + matrix[15];
  if (w <= 0) return null;
  const cx = (matrix[0] * x + matrix[1] * y + matrix[2] * z + matrix[3]) / w;
  const cy = (matrix[4] * x + matrix[5] * y + matrix[6] * z + matrix[7]) / w;
  return [((cx + 1) / 2) * width, ((1 - cy) / 2) * height, w];
}

/** The place on the plane under a pixel. */
export function planeAt(camera: Camera, px: number, py: number, width: number, height: number): [number, number] {
  const scale = FILLED * camera.zoom * Math.max(1, Math.min(width, height));
  return [camera.x + (px - width / 2) / scale, camera.y - (py - height / 2) / scale];
}

/** Moved so that what was under the pointer stays there. */
export function dragged(camera: Camera, dims: number, reach: number, dx: number, dy: number, width: number, height: number): Camera {
  const short = Math.max(1, Math.min(width, height));
  if (dims === 2) {
    const scale = FILLED * camera.zoom * short;
    return { ...camera, x: camera.x - dx / scale, y: camera.y + dy / scale };
  }
  const { right, up } = axes(camera);
  const scale = distanceOf(camera, reach) / (NARROW * short * 0.5);
  const [x, y, z] = [0, 1, 2].map((i) => [camera.x, camera.y, camera.z][i] - right[i] * dx * scale + up[i] * dy * scale);
  return { ...camera, x, y, z };
}

export function turned(camera: Camera, dx: number, dy: number): Camera {
  const pitch = Math.max(-1.5, Math.min(1.5, camera.pitch + dy * 0.008));
  return { ...camera, yaw: camera.yaw - dx * 0.008, pitch };
}

/** Nearer or farther; on a plane the place under the pointer stays there. */
export function zoomed(camera: Camera, dims: number, factor: number, px: number, py: number, width: number, height: number): Camera {
  const zoom = Math.max(0.4, Math.min(dims === 2 ? 400 : 40, camera.zoom * factor));
  if (dims === 3) return { ...camera, zoom };
  const [x, y] = planeAt(camera, px, py, width, height);
  const share = camera.zoom / zoom;
  return { ...camera, zoom, x: x + (camera.x - x) * share, y: y + (camera.y - y) * share };
}

function axes({ yaw, pitch }: Camera): { right: number[]; up: number[]; back: number[] } {
  const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  return { right: [cy, 0, -sy], up: [-sy * sp, cp, -cy * sp], back: [sy * cp, sp, cy * cp] };
}

const dot = (a: number[], b: number[]): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
